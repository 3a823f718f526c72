"""Pages from made-up rows."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from typing import Any

from include.quality_pages.queries import PAGE_SIZE, SourceHistory
from include.quality_pages.render import render_audit, render_index, render_message, render_run, render_source
from include.quality_pages.views import view_audit, view_index, view_run, view_source
from tests.unit.quality_pages.conftest import DAY, make_audit, make_column, make_rule

ROOT = "/airflow/quality"
EVIL = "<img src=x onerror=alert(1)>"
VOID = {"meta", "br", "img", "link", "input"}


class Checker(HTMLParser):
    """Collects tags and links, and refuses tags that are not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def check(page: str) -> Checker:
    """Well-formed, nothing loaded from anywhere, tables and pictures with their texts."""
    found = Checker()
    found.feed(page)
    assert found.open == []
    names = [tag for tag, _ in found.tags]
    assert not {"script", "link", "img", "iframe", "object", "form"} & set(names)
    assert not any(key.startswith("on") for _, attrs in found.tags for key in attrs)
    assert "http://" not in page
    assert "https://" not in page
    for tag, attrs in found.tags:
        if tag == "th":
            assert attrs.get("scope") in ("col", "row")
        if tag == "svg":
            assert attrs.get("aria-label") or attrs.get("aria-hidden") == "true"
        if tag == "a":
            assert (attrs.get("href") or "").startswith(f"{ROOT}/")
    return found


def draw_audit(audit: dict[str, Any]) -> str:
    page = render_audit(view_audit(audit, ROOT), ROOT)
    check(page)
    return page


def draw_source(audits: list[dict[str, Any]], total: int | None = None, page: int = 1) -> str:
    history = SourceHistory(audits, len(audits) if total is None else total, page)
    text = render_source(view_source(history, "readings", ROOT), ROOT)
    check(text)
    return text


class TestIndex:
    def test_every_source_has_its_last_batch_its_state_and_what_is_published(self, refused: dict[str, Any]) -> None:
        older = make_audit(-1, score=0.9)
        published = [
            {"source": "readings", "last_day": date(2026, 3, 8), "published_at": datetime(2026, 3, 9, tzinfo=UTC),
             "row_count": 1234},
        ]  # fmt: skip

        page = render_index(view_index([older, refused], published, ["parts"], ROOT), ROOT)

        check(page)
        row = page[page.index(">readings</a>") :]
        assert f'href="{ROOT}/sources/readings/audits/run__2026-03-09"' in row
        assert ">refused</span>" in row
        assert "1,234" in row
        assert "2026-03-08" in row
        assert page.index(">parts</a>") < page.index("No batch was audited yet.") < page.index(">readings</a>")

    def test_no_source_at_all(self) -> None:
        page = render_index(view_index([], [], [], ROOT), ROOT)

        check(page)
        assert "No source is declared" in page


class TestSource:
    def test_batches_over_time_lead_to_their_pages(self, refused: dict[str, Any]) -> None:
        page = draw_source([make_audit(-2), make_audit(-1), refused])

        assert "All\n3 audited batches" in page
        assert page.count(f'href="{ROOT}/sources/readings/audits/run__2026-03-07"') >= 3
        assert "Score: 3 batches, the last of 2026-03-09 with 1; 1 of them were refused" in page
        assert "Mean of heat: 3 batches" in page
        assert "Nulls of heat: 3 batches, the last of 2026-03-09 with 25 %" in page

    def test_the_band_of_a_mean_is_the_one_that_the_audit_expected(self) -> None:
        band = make_rule(dimension="distribution", bounds=[1.0, 4.0])

        page = draw_source([make_audit(-1, bands=[band]), make_audit(bands=[band])])

        assert "expected in the shaded band" in page
        assert "expected 1 to 4" in page

    def test_a_long_history_says_that_it_is_one_page_and_leads_to_the_others(self) -> None:
        page = draw_source([make_audit()] * 3, total=2 * PAGE_SIZE + 3, page=2)

        assert f"3 of {2 * PAGE_SIZE + 3} audited batches, page\n2 of 3" in page
        assert f'href="{ROOT}/sources/readings?page=1"' in page
        assert f'href="{ROOT}/sources/readings?page=3"' in page

    def test_many_broken_rules_are_limited_and_the_page_says_so(self, refused: dict[str, Any]) -> None:
        page = draw_source([{**refused, "failures": [make_rule(has_passed=False)] * 130}])

        assert "30 more are on the pages of the batches." in page

    def test_a_source_without_batches_and_one_without_profiles(self) -> None:
        assert "No batch of this source was audited yet." in draw_source([])
        assert "No profile was kept" in draw_source([make_audit(profile=None, bands=None)])


class TestAudit:
    def test_broken_rules_come_first_the_critical_before_the_others(self, refused: dict[str, Any]) -> None:
        page = draw_audit(refused)

        names = re.findall(r'<th scope="row">(range of \w+)', page)
        assert names == ["range of heat", "range of noise", "range of noise"]
        assert "1 rules hold" in page
        assert "2 of 3" in page
        assert "This batch was not published." in page

    def test_rows_of_a_refused_batch_name_what_they_break(self, refused: dict[str, Any]) -> None:
        page = draw_audit(refused)

        assert '<td class="hit">-1.0</td>' in page
        assert "<td>∅</td>" in page
        assert "2 of 12 rows, those that break rules first" in page

    def test_the_parameters_of_a_release_can_be_copied(self, refused: dict[str, Any]) -> None:
        text = re.search(r"<pre>(.*?)</pre>", draw_audit(refused), re.DOTALL)

        assert text is not None
        given = json.loads(text.group(1).replace("&#34;", '"'))
        assert given == {**given, "from_day": str(DAY), "to_day": str(DAY), "accept_refused": ["readings"]}

    def test_a_release_says_who_and_why_on_both_pages(self, refused: dict[str, Any]) -> None:
        release = {
            "audit_id": "second", "refused_audit_id": "run__2026-03-09", "person": "anna", "reason": EVIL,
            "broken_rules": refused["failures"], "released_at": datetime(2026, 3, 10, tzinfo=UTC),
        }  # fmt: skip

        after = draw_audit({**refused, "state": "released", "quarantine": None, "release": release})
        before = draw_audit({**refused, "released_by": release})

        assert "Released by anna" in after
        assert "Rules that were overruled: range of heat." in after
        assert "&lt;img src=x onerror=alert(1)&gt;" in after
        assert "was not published" not in after
        assert f'href="{ROOT}/sources/readings/audits/second"' in before
        assert "<pre>" not in before

    def test_a_file_that_was_left_out(self, refused: dict[str, Any]) -> None:
        page = draw_audit({**refused, "files": [{"path": EVIL, "row_count": None}]})

        assert "left out</td>" in page
        assert EVIL not in page

    def test_the_profile_of_text_and_of_nothing(self) -> None:
        text = make_column(
            column_name="hall", mean=None, standard_deviation=None, quantiles=None, histogram=None,
            top_values={EVIL: 6, "south": 3}, minimum=EVIL, maximum="south" * 30,
        )  # fmt: skip
        empty = make_column(column_name="void", row_count=0, null_count=0, minimum=None, maximum=None, histogram=None)

        page = draw_audit(make_audit(profile=[text, empty]))

        assert EVIL not in page
        assert "66.67 %" in page
        assert "south" * 30 not in page

    def test_an_audit_of_an_earlier_release(self, refused: dict[str, Any]) -> None:
        old = {**refused, "results": None, "files": None, "profile": [{"column_name": "heat", "row_count": 12,
               "null_count": 0, "distinct_count": 1, "minimum": "1", "maximum": "1", "mean": 1.0,
               "standard_deviation": 0.0, "quantiles": {}, "top_values": None}]}  # fmt: skip

        page = draw_audit(old)

        assert "The rules that held were not noted" in page
        assert "/data/a.csv" in page


def test_the_batches_of_a_run(refused: dict[str, Any]) -> None:
    page = render_run(view_run([refused], "run", ROOT), ROOT)

    check(page)
    assert f'href="{ROOT}/sources/readings/audits/run__2026-03-09"' in page
    assert "has audited nothing" in render_run(view_run([], "run", ROOT), ROOT)


def test_a_message_is_text() -> None:
    page = render_message("Not found", EVIL, ROOT)

    check(page)
    assert EVIL not in page


def test_a_page_has_colours_for_light_and_dark() -> None:
    page = render_message("x", "y", ROOT)

    assert "color-scheme: light dark" in page
    assert "prefers-color-scheme: dark" in page
