"""Pages from declarations and made-up records: what they say, and that nothing in them runs or is left open."""

from __future__ import annotations

from datetime import UTC, date, datetime
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

from include.feature_pages.lineage import ModelLineage
from include.feature_pages.queries import GroupRecords
from include.feature_pages.render import render_group, render_index, render_label
from include.feature_pages.views import list_users, view_group, view_index, view_label
from include.features.catalog import Catalog, LabelTable
from include.warehouse.names import TableName
from tests.unit.feature_quality.conftest import ENTITY, make_group

EVIL = "<img src=x onerror=alert(1)>"
ROOT = "/airflow/features"
LABEL = LabelTable(
    "outage_labels", EVIL, "maintenance", ENTITY, "as_of_date", TableName("features", "outage_labels"), 7,
    {"failed": "binary", "kind": "multiclass", "hours": "regression"},
)  # fmt: skip
LINEAGE = ModelLineage((("raw.readings",), ("stg_readings",)), ("readings_latest",))


class Checker(HTMLParser):
    """Refuses tags that are not closed in order, and collects their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def check(page: str) -> None:
    """Well-formed, nothing loaded or run, links below the root, and no value that is not escaped."""
    found = Checker()
    found.feed(page)
    assert found.open == []
    assert not {"script", "link", "img", "iframe", "form"} & {tag for tag, _ in found.tags}
    assert not any(key.startswith("on") for _, attrs in found.tags for key in attrs)
    assert all((attrs["href"] or "").startswith(f"{ROOT}/") for tag, attrs in found.tags if tag == "a")
    assert EVIL not in page


def make_model(name: str, groups: tuple[str, ...], table: str, column: str) -> Any:
    return SimpleNamespace(
        name=name, owner="maintenance", features=SimpleNamespace(groups=groups), label_table=table,
        label_column=column, label=f"{table}.{column}",
    )  # fmt: skip


def make_profile(day: int, feature: str, **values: Any) -> dict[str, Any]:
    base = {
        "as_of_date": date(2024, 3, day), "feature": feature, "row_count": 20, "null_count": 2, "distinct_count": 3,
        "minimum": None, "maximum": None, "mean": None, "standard_deviation": None, "quantiles": {}, "top_values": {},
        "state": "published",
    }  # fmt: skip
    return {**base, **values}


def make_records() -> GroupRecords:
    """Two dates, the second one refused for a feature."""
    rule = {
        "dimension": "range", "column": "heat", "is_critical": True, "has_passed": False, "observed": EVIL,
        "expected": "less", "remedy": "look",
    }  # fmt: skip
    return GroupRecords(
        dates=[
            {"as_of_date": date(2024, 3, day), "row_count": 20, "state": state}
            for day, state in ((1, "published"), (2, "refused"))
        ],
        profiles=[
            make_profile(1, "heat", mean=4.5, minimum=1.0, maximum=float("inf"), quantiles={"0.5": 4.0}),
            make_profile(2, "heat", null_count=20, state="refused"),
            make_profile(2, "maker", top_values={EVIL: 12, "acme": 6}),
        ],
        drift={"heat": {"psi": 0.31, "is_drifted": True, "reference_as_of_date": date(2024, 3, 1)}},
        validations=[
            {
                "passed": False, "score": 0.5, "row_count": 20, "online_written": None, "rules": [rule],
                "first_as_of": date(2024, 3, 2), "newest_as_of": date(2024, 3, 2),
                "validated_at": datetime(2024, 3, 2, 5, tzinfo=UTC),
            }
        ],
    )  # fmt: skip


def test_the_page_of_a_group_shows_what_was_found_of_every_feature() -> None:
    models = [make_model("outage", ("readings",), "outage_labels", "failed")]

    page = render_group(view_group(make_group(heat={"maximum": 9}), make_records(), LINEAGE, models, ROOT), ROOT)

    check(page)
    for text in (
        "1 as-of date of the last 2 is", "outage <span", "Declared: up to 9.", "0.31", "range of heat (critical)",
        "range: look", "Mean of heat", "stg_readings", "readings_latest", "66.67 %",
    ):  # fmt: skip
        assert text in page, text


def test_a_group_that_was_never_built_says_what_to_do() -> None:
    page = render_group(view_group(make_group(), GroupRecords(), ModelLineage((), ()), [], ROOT), ROOT)

    check(page)
    assert "Run the DAG <code>build_features</code>: its task <code>publish_readings</code>" in page
    assert "nothing is published" in page


def test_the_index_lists_groups_labels_who_uses_them_and_what_is_declared_wrongly() -> None:
    catalog = Catalog({"readings": make_group()}, {"outage_labels": LABEL}, {"broken": f"'broken' has {EVIL}"})
    models = [make_model("outage", ("readings",), "outage_labels", "failed")]

    page = render_index(view_index(catalog, {}, models, ROOT), ROOT)

    check(page)
    assert f'href="{ROOT}/groups/readings"' in page
    assert "Not built yet" in page
    assert "These declarations are wrong" in page
    assert "label failed" in page

    empty = render_index(view_index(Catalog({}, {}), {}, [], ROOT), ROOT)
    check(empty)
    assert "No group is declared" in empty
    assert "No label is declared" in empty


def test_the_page_of_a_label_shows_each_label_by_its_kind() -> None:
    rows = [
        {"as_of_date": date(2024, 3, day), "row_count": 4, "n0": 4, "m0": 0.25, "n1": 2, "m1": None, "n2": 4, "m2": 7.5}
        for day in (1, 2)
    ]
    page = render_label(view_label(LABEL, rows, LINEAGE, [], ROOT), ROOT)

    check(page)
    for text in ("Share of positive", "25 %", "50 % of the newest rows", "Mean of hours"):
        assert text in page, text
    assert "Mean of kind" not in page

    empty = render_label(view_label(LABEL, [], LINEAGE, [], ROOT), ROOT)
    check(empty)
    assert "There are no labels yet" in empty


def test_a_model_uses_a_table_as_features_or_as_its_label() -> None:
    models = [make_model("a", ("readings",), "readings", "heat"), make_model("b", (), "outage_labels", "failed")]

    assert [(one["name"], one["use"]) for one in list_users("readings", models)] == [("a", "features and label heat")]
    assert [one["name"] for one in list_users("outage_labels", models)] == ["b"]
