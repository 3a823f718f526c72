"""Releases: a person lets a refused batch through, for the named source and the rules that were seen, no further."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from include.errors import QualityError, SettingsError
from include.ingestion.audit import audit_run
from include.ingestion.audit_records import write_quarantine
from include.ingestion.release import Release, explain_denial, is_releasable, parse_release
from include.quality.score import RuleResult
from include.quality.suites import LATENESS
from include.warehouse.session import open_session

Rows = list[dict[str, Any]]
REASON = "Readings below zero are real since the new sensors."
HISTORY = 8


def put(column: str, value: Any, at: int = 0) -> Callable[[Rows], Rows]:
    return lambda rows: [{**row, column: value} if number == at else row for number, row in enumerate(rows)]


def release(*sources: str) -> Release:
    return Release(sources, "anna", REASON)


@pytest.fixture
def next_day(pipeline, plant, day) -> date:
    """The day after a published history of eight days."""
    plant.write_snapshots(day)
    plant.write_days(day, HISTORY)
    pipeline.load(day, day + timedelta(days=HISTORY - 1))
    return day + timedelta(days=HISTORY)


def load(pipeline, day: date, audit_id: str, given: Release | None = None) -> dict[str, Any]:
    """All four steps of a run."""
    items = pipeline.land(pipeline.plan(day))
    return pipeline.publish(audit_run(pipeline.uri, pipeline.settings, items, audit_id, given))


def refuse(pipeline, day: date, audit_id: str, given: Release | None = None) -> str:
    with pytest.raises(QualityError) as caught:
        load(pipeline, day, audit_id, given)
    return str(caught.value)


def count_rows(pipeline, day: date) -> int:
    return pipeline.fetch("select count(*) as n from raw.readings where batch_day = %s", day)[0]["n"]


def note_refusal(pipeline, day: date, *rules: RuleResult) -> None:
    """What an audit of the readings of a day leaves when it refuses them, without the cost of one."""
    item = {"source": "readings", "from_day": str(day), "to_day": str(day)}
    with open_session(pipeline.uri) as session:
        write_quarantine(session, "refused", item, 12, rules, [], [])


def break_rule(dimension: str, rule: str, column: str | None) -> RuleResult:
    return RuleResult("readings", dimension, rule, column, True, 1.0, False, "seen", "expected")


HEAT = break_rule("range", "expect_column_values_to_be_between", "heat")
DOUBLED = break_rule("uniqueness", "expect_compound_columns_to_be_unique", None)


class TestReleased:
    def test_a_batch_that_was_refused_is_published_and_the_release_is_recorded_once(
        self, pipeline, plant, next_day
    ) -> None:
        plant.write_day(next_day, put("heat", -3.5))
        refuse(pipeline, next_day, "refused")

        for _ in range(2):
            assert load(pipeline, next_day, "second", release("readings"))["rows"]["readings"] == 12

        assert count_rows(pipeline, next_day) == 12
        (record,) = pipeline.fetch("select * from quality.releases")
        assert (record["audit_id"], record["source"], record["refused_audit_id"]) == ("second", "readings", "refused")
        assert (record["person"], record["reason"]) == ("anna", REASON)
        assert (record["from_day"], record["to_day"]) == (next_day, next_day)
        assert [(one["dimension"], one["column"]) for one in record["broken_rules"]] == [("range", "heat")]
        # The audit still says that it refused; the profile becomes history, as of everything that is published.
        audits = pipeline.fetch("select audit_id, passed from quality.audits where source = 'readings' order by 1")
        assert [(one["audit_id"], one["passed"]) for one in audits] == [("refused", False), ("second", False)]
        assert pipeline.fetch("select 1 from quality.profiles where source = 'readings' and audit_id = 'second'")
        quarantined = pipeline.fetch("select audit_id from quality.quarantine")
        assert [one["audit_id"] for one in quarantined] == ["refused"]

    def test_a_batch_that_passes_by_now_needs_no_release(self, pipeline, plant, next_day) -> None:
        plant.write_day(next_day)
        note_refusal(pipeline, next_day, HEAT)

        load(pipeline, next_day, "second", release("readings"))

        assert pipeline.fetch("select * from quality.releases") == []


class TestDenied:
    def test_doubled_keys_are_refused_whatever_a_person_says(self, pipeline, plant, next_day) -> None:
        plant.write_day(next_day, lambda rows: put("heat", -3.5)(rows) + rows[3:4])
        note_refusal(pipeline, next_day, HEAT, DOUBLED)
        before = pipeline.hash_tables()

        message = refuse(pipeline, next_day, "second", release("readings"))

        assert "no release is possible of a batch that breaks uniqueness" in message
        assert pipeline.hash_tables() == before
        assert pipeline.fetch("select * from quality.releases") == []

    def test_a_release_of_one_source_releases_no_other(self, pipeline, plant, next_day) -> None:
        plant.write_day(next_day, put("heat", -3.5))
        plant.write_machines(next_day, age="old", power="some", spare_count="many", size_class="big")
        refuse(pipeline, next_day, "refused")
        before = pipeline.hash_tables()

        message = refuse(pipeline, next_day, "second", release("machines"))

        assert "refused readings" in message
        assert pipeline.hash_tables() == before
        assert [one["source"] for one in pipeline.fetch("select source from quality.releases")] == ["machines"]

    def test_days_that_nobody_has_looked_at(self, pipeline, plant, next_day) -> None:
        plant.write_day(next_day, put("heat", -3.5))
        note_refusal(pipeline, next_day - timedelta(days=1), HEAT)

        assert "no audit has refused these days before" in refuse(pipeline, next_day, "first", release("readings"))
        assert count_rows(pipeline, next_day) == 0

    def test_a_rule_that_was_not_broken_when_the_person_looked(self, pipeline, plant, next_day) -> None:
        plant.write_day(next_day, lambda rows: put("samples", -1)(put("heat", -3.5)(rows)))
        note_refusal(pipeline, next_day, HEAT)

        for _ in range(2):  # to clear the task is no second look
            message = refuse(pipeline, next_day, "second", release("readings"))
            assert "it breaks range of samples now" in message

    def test_a_denied_release_of_a_source_that_is_not_critical_stops_the_run(self, pipeline, plant, next_day) -> None:
        plant.write_day(next_day)
        plant.write_machines(next_day, age="old", power="some", spare_count="many", size_class="big")

        assert "machines was refused" in refuse(pipeline, next_day, "first", release("machines"))


class TestRules:
    @pytest.mark.parametrize(
        ("dimension", "column", "may_be_overruled"),
        [
            ("schema", None, False),
            ("schema", "heat", False),
            ("uniqueness", None, False),
            ("uniqueness", "repeated_rows", False),
            ("completeness", "series_id", False),
            ("completeness", "measured_at", False),
            ("timeliness", LATENESS, False),
            ("completeness", "heat", True),
            ("timeliness", "hours_behind", True),
            ("range", "heat", True),
            ("allowed_values", "heat", True),
            ("volume", "smallest_volume", True),
            ("relationship", "known_part_id_in_parts", True),
            ("distribution", "heat", True),
        ],
    )
    def test_what_makes_a_batch_publishable_cannot_be_overruled(
        self, settings, dimension: str, column: str | None, may_be_overruled: bool
    ) -> None:
        source, rule = settings.sources["readings"], break_rule(dimension, "expect", column)

        assert is_releasable(source, rule) is may_be_overruled
        denial = explain_denial(source, [HEAT, rule], [HEAT.to_json(), rule.to_json()])
        assert (denial == "") is may_be_overruled


class TestParameters:
    def test_none_named_is_no_release(self) -> None:
        assert parse_release(["readings"], [], None, None, None) is None

    def test_a_complete_one(self) -> None:
        given = parse_release(["readings"], ["readings", "readings"], f" {REASON} ", "2026-03-09", "anna")

        assert given == Release(("readings",), "anna", REASON)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"accepted": ["readins"]}, "names readins"),
            ({"from_day": None}, "needs the days"),
            ({"reason": None}, "needs a reason"),
            ({"reason": "   ok     "}, "needs a reason"),
            ({"person": None}, "needs a person"),
        ],
    )
    def test_what_is_absent_is_named(self, change: dict[str, Any], message: str) -> None:
        given = {"accepted": ["readings"], "reason": REASON, "from_day": "2026-03-09", "person": "anna", **change}

        with pytest.raises(SettingsError, match=message):
            parse_release(["readings"], **given)
