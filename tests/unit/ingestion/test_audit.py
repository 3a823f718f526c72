"""Audits: a bad batch is refused and described, and what is published stays byte for byte as it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from include.errors import QualityError, StaleWriterError, WarehouseError
from include.ingestion import audit
from include.ingestion.plan import LoadItem, plan_load, split_items
from include.warehouse.session import open_session
from tests.unit.ingestion.conftest import DAY

Rows = list[dict[str, Any]]
HISTORY = 8


def put(column: str, value: Any, count: int = 1) -> Callable[[Rows], Rows]:
    def change(rows: Rows) -> Rows:
        return [{**row, column: value} if number < count else row for number, row in enumerate(rows)]

    return change


@pytest.fixture
def next_day(pipeline, plant, day):
    """The day after a published history of eight days."""
    plant.write_snapshots(day)
    plant.write_days(day, HISTORY)
    pipeline.load(day, day + timedelta(days=HISTORY - 1))
    return day + timedelta(days=HISTORY)


@pytest.fixture
def audited_history(pipeline, plant, day):
    """A published history of eight days that was audited; its last day."""
    plant.write_snapshots(day)
    plant.write_snapshots(day + timedelta(days=3))
    plant.write_days(day, HISTORY)
    pipeline.run(day, day + timedelta(days=HISTORY - 1), audit_id="history")
    return day + timedelta(days=HISTORY - 1)


def refuse(pipeline, day) -> str:
    with pytest.raises(QualityError) as caught:
        pipeline.run(day, audit_id="bad")
    return str(caught.value)


class TestGoodBatches:
    def test_every_source_is_scored(self, pipeline, audited_history) -> None:
        audits = pipeline.fetch("select * from quality.audits order by source")

        assert [(one["source"], one["score"], one["passed"], one["failures"]) for one in audits] == [
            (name, 1.0, True, []) for name in ("contracts", "machines", "parts", "readings", "repairs")
        ]
        assert {one["row_count"] for one in audits if one["source"] == "readings"} == {12 * HISTORY}
        assert min(one["rule_count"] for one in audits) > 5

    def test_every_column_is_profiled(self, pipeline, audited_history) -> None:
        rows = pipeline.fetch("select * from quality.profiles where source = 'readings' order by column_name")

        assert [row["column_name"] for row in rows] == sorted(pipeline.settings.sources["readings"].columns)
        sales = next(row for row in rows if row["column_name"] == "heat")
        assert (sales["row_count"], sales["null_count"], sales["mean"]) == (12 * HISTORY, 0, 6.75)
        assert sales["quantiles"]["0.5"] == 6.75

    def test_the_report_names_scores_and_nothing_refused(self, pipeline, plant, next_day) -> None:
        plant.write_day(next_day)
        items = pipeline.land(pipeline.plan(next_day))

        report = pipeline.audit(items, "good")

        assert report == {
            "audit_id": "good", "scores": {"readings": 1.0, "repairs": 1.0}, "refused": [],
            "taken": [], "warnings": [],
        }  # fmt: skip
        assert json.loads(json.dumps(report)) == report

    def test_an_audit_run_again_replaces_its_record(self, pipeline, plant, next_day) -> None:
        plant.write_day(next_day)
        items = pipeline.land(pipeline.plan(next_day))

        pipeline.audit(items, "good")
        pipeline.audit(items, "good")

        assert len(pipeline.fetch("select * from quality.audits where audit_id = 'good'")) == 2

    def test_a_closed_day_passes(self, pipeline, plant, next_day) -> None:
        plant.write_readings(next_day, [], "the plant was closed")
        plant.write_csv("repairs", next_day, ["machine_id", "order_id", "contract_id", "repaired_on"], [])

        assert pipeline.run(next_day)["rows"] == {"readings": 0, "repairs": 0}

    def test_a_few_nulls_in_a_critical_column_pass(self, pipeline, plant, next_day) -> None:
        plant.write_day(next_day, lambda rows: put("heat", None)(rows) + [
            {**row, "series_id": row["series_id"] + 500} for row in rows[1:]
        ])  # fmt: skip

        assert pipeline.run(next_day)["rows"]["readings"] == 23

    def test_a_day_delivered_and_audited_twice_changes_nothing(self, pipeline, audited_history) -> None:
        before = pipeline.hash_tables()

        pipeline.run(audited_history, audit_id="again")

        assert pipeline.hash_tables() == before


class TestBadBatches:
    @pytest.mark.parametrize(
        ("change", "dimension", "column", "observed"),
        [
            pytest.param(put("machine_id", None, 3), "completeness", "machine_id", "3 of 12 rows", id="nulls"),
            pytest.param(put("heat", None, 2), "completeness", "heat", "2 of 12 rows", id="above 5 % nulls"),
            pytest.param(lambda rows: rows + rows[:1], "uniqueness", None, "2 of 13 rows", id="a row twice"),
            pytest.param(put("heat", -3.5), "range", "heat", "-3.5", id="a negative price"),
            pytest.param(put("samples", 1_000_001), "range", "samples", "1000001", id="an absurd samples"),
            pytest.param(lambda rows: rows[:2], "volume", None, "2 rows", id="a fraction of the rows"),
            pytest.param(put("part_id", 99), "relationship", None, "1 of 12 rows", id="an unknown part"),
        ],
    )
    def test_each_is_refused_by_name_and_nothing_published_changes(
        self, pipeline, plant, next_day, change, dimension: str, column: str | None, observed: str
    ) -> None:
        plant.write_day(next_day, change)
        before = pipeline.hash_tables()

        message = refuse(pipeline, next_day)

        assert pipeline.hash_tables() == before
        assert f"readings: critical rule {dimension}" in message
        assert observed in message
        assert "To do:" in message
        (record,) = pipeline.fetch("select * from quality.quarantine")
        assert record["source"] == "readings"
        reasons = [(one["dimension"], one["column"]) for one in record["reasons"]]
        assert reasons == [(dimension, column)] or (dimension in ("volume", "relationship") and len(reasons) >= 1)
        named = {rule for one in record["sample_rows"] for rule in one["broken_rules"]}
        rule = f"{dimension} of {column}" if column else dimension
        assert named == (set() if dimension in ("volume", "relationship") else {rule})
        (audit,) = pipeline.fetch("select * from quality.audits where audit_id = 'bad' and source = 'readings'")
        assert (audit["passed"], audit["failures"]) == (False, record["reasons"])

    def test_a_flood_of_rows(self, pipeline, plant, next_day) -> None:
        plant.write_day(
            next_day,
            lambda rows: [{**row, "series_id": row["series_id"] * 100 + copy} for copy in range(6) for row in rows],
        )

        assert "72 rows on 2026-03-17, 6.00 times the usual 12" in refuse(pipeline, next_day)

    def test_rows_from_the_future_and_rows_that_are_too_late(self, pipeline, plant, next_day) -> None:
        moved = {
            "from the future": plant.list_lines(next_day + timedelta(days=1))[0],
            "too late": {**plant.list_lines(next_day - timedelta(days=8))[0], "series_id": 1},
        }
        for row in moved.values():
            plant.write_day(next_day, lambda rows, row=row: [row, *rows])
            assert "critical rule timeliness of lateness_days" in refuse(pipeline, next_day)

    def test_rows_that_an_earlier_delivery_brought(self, pipeline, plant, next_day) -> None:
        plant.write_day(next_day, lambda rows: rows + plant.list_lines(next_day - timedelta(days=1))[:1])

        assert "1 rows that another delivery has already brought" in refuse(pipeline, next_day)

    def test_a_landing_table_that_was_tampered_with(self, pipeline, plant, next_day) -> None:
        plant.write_day(next_day)
        items = pipeline.land(pipeline.plan(next_day))
        with open_session(pipeline.uri) as session:
            session.execute("alter table landing.readings alter column samples type text")
            session.execute("alter table landing.readings rename column noise to discount")

        with pytest.raises(QualityError) as caught:
            pipeline.audit(items)

        assert "missing noise" in str(caught.value)
        assert "critical rule schema of samples" in str(caught.value)

    def test_a_quarantined_batch_is_described(self, pipeline, plant, next_day) -> None:
        spoilt = {7: {"heat": -3.5}, 9: {"noise": 1e11}}
        plant.write_day(next_day, lambda rows: [{**row, **spoilt.get(at, {})} for at, row in enumerate(rows)])

        message = refuse(pipeline, next_day)

        assert "critical rule schema of noise" in message
        assert "numeric(12, 2)" in message

        (record,) = pipeline.fetch("select * from quality.quarantine")

        assert (record["audit_id"], record["row_count"]) == ("bad", 12)
        assert record["item"]["fence"] == "ingest.readings.2026-03-17.2026-03-17"
        assert [one["path"] for one in record["files"]] == [str(plant.root / "readings" / "2026-03-17.parquet")]
        sample = record["sample_rows"]
        assert [(one["row"]["heat"], one["row"]["noise"], one["broken_rules"]) for one in sample[:3]] == [
            (-3.5, 0.1, ["range of heat"]),
            (10.25, 1e11, ["schema of noise", "range of noise"]),
            (1.25, 0.1, []),
        ]
        assert len(sample) == 12
        assert sample[2]["row"]["measured_at"].startswith("2026-03-17T13:00")
        reason = record["reasons"][0]
        assert {"rule", "observed", "expected", "remedy"} <= set(reason)

    def test_a_corrected_delivery_goes_through(self, pipeline, plant, next_day) -> None:
        plant.write_day(next_day, put("heat", -3.5))
        refuse(pipeline, next_day)
        plant.write_day(next_day)

        assert pipeline.run(next_day, audit_id="corrected")["rows"]["readings"] == 12
        assert len(pipeline.fetch("select * from quality.quarantine")) == 1

    def test_a_refused_batch_has_no_profile(self, pipeline, plant, next_day) -> None:
        plant.write_day(next_day, put("heat", -3.5))
        refuse(pipeline, next_day)

        assert pipeline.fetch("select * from quality.profiles where source = 'readings' and audit_id = 'bad'") == []


class TestOptionalSources:
    def test_a_low_score_alone_refuses(self, pipeline, plant, next_day) -> None:
        plant.write_day(next_day)
        plant.write_machines(next_day, age="old", power="some", spare_count="many", size_class="big")
        before = pipeline.hash_tables("raw.machines")

        result = pipeline.run(next_day, audit_id="bad")

        assert result["refused"] == ["machines"]
        assert result["rows"] == {"readings": 12, "repairs": 1}
        assert pipeline.hash_tables("raw.machines") == before
        (audit,) = pipeline.fetch("select * from quality.audits where audit_id = 'bad' and not passed")
        assert audit["score"] < 0.8
        assert [one["is_critical"] for one in audit["failures"]] == [False] * 4
        assert [row["source"] for row in pipeline.fetch("select source from quality.quarantine")] == ["machines"]

    def test_a_single_odd_value_is_a_warning(self, pipeline, plant, next_day) -> None:
        plant.write_day(next_day)
        plant.write_machines(next_day, age="old")
        items = pipeline.land(pipeline.plan(next_day))

        report = pipeline.audit(items)

        assert report["refused"] == []
        assert 0.8 <= report["scores"]["machines"] < 1.0
        (warning,) = report["warnings"]
        assert "machines: rule allowed_values of age" in warning
        assert "old" in warning
        assert pipeline.publish(items)["rows"]["machines"] == 2

    def test_repairs_of_unknown_machines_are_refused_and_the_rest_goes_on(self, pipeline, plant, next_day) -> None:
        plant.write_day(next_day)
        unknown = {"machine_id": 4000, "order_id": 1, "contract_id": 1, "repaired_on": next_day}
        plant.write_csv("repairs", next_day, list(unknown), [unknown])
        items = pipeline.land(pipeline.plan(next_day))

        report = pipeline.audit(items)

        assert report["refused"] == ["repairs"]
        assert len([one for one in report["warnings"] if "relationship" in one]) == 2
        assert pipeline.publish(items)["rows"] == {"readings": 12}

    def test_rows_that_refer_to_a_refused_snapshot_are_refused(self, pipeline, plant, next_day) -> None:
        plant.write_day(next_day)
        twice = {"contract_id": 5, "machine_id": 1, "contract_type": "Type A", "start_date": DAY, "end_date": DAY}
        plant.write_csv("contracts", next_day, list(twice), [twice, twice])
        repair = {"machine_id": 1, "order_id": 77, "contract_id": 5, "repaired_on": next_day}
        plant.write_csv("repairs", next_day, list(repair), [repair])

        result = pipeline.run(next_day)

        assert sorted(result["refused"]) == ["contracts", "repairs"]
        assert pipeline.fetch("select * from raw.repairs where contract_id = 5") == []


class TestDistribution:
    def test_a_mean_that_left_its_band_is_noticed(self, pipeline, plant, audited_history) -> None:
        next_day = audited_history + timedelta(days=1)
        plant.write_day(next_day, put("heat", 2000.0, 12))
        items = pipeline.land(pipeline.plan(next_day))

        (warning,) = pipeline.audit(items)["warnings"]

        assert "distribution of heat" in warning
        assert "it usually is 6.75" in warning


class TestIncompleteLandings:
    def test_a_batch_that_did_not_land_cannot_be_audited(self, pipeline, plant, next_day) -> None:
        plant.write_day(next_day)

        with pytest.raises(WarehouseError, match=r"landing\.readings holds no files"):
            pipeline.audit(pipeline.plan(next_day))

    def test_a_batch_that_landed_twice_at_once_cannot_be_audited(self, pipeline, plant, next_day) -> None:
        plant.write_day(next_day)
        items = pipeline.land(pipeline.plan(next_day))
        with open_session(pipeline.uri) as session:
            session.execute("insert into landing.readings select * from landing.readings")

        with pytest.raises(WarehouseError, match="run the land task again"):
            pipeline.audit(items)


class TestTwoRunsAtOnce:
    """While one run audits, another one lands: what the first has not seen is neither audited nor published."""

    @pytest.fixture
    def interrupt(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], None]:
        """Have something done when the next audit has looked at the rows of its first source."""

        def arrange(meanwhile: Callable[[], None]) -> None:
            check = audit.check_batch

            def check_and_be_interrupted(*given: Any) -> Any:
                monkeypatch.setattr(audit, "check_batch", check)
                found = check(*given)
                meanwhile()
                return found

            monkeypatch.setattr(audit, "check_batch", check_and_be_interrupted)

        return arrange

    def test_rows_that_an_overlapping_run_has_landed_are_not_audited(self, pipeline, plant, day, interrupt) -> None:
        tomorrow = day + timedelta(days=1)
        plant.write_snapshots(day - timedelta(days=1))
        plant.write_days(day, 2)
        items = pipeline.land(pipeline.plan(day, tomorrow))

        def land_bad_rows() -> None:
            plant.write_day(tomorrow, put("heat", -3.5))
            pipeline.land(pipeline.plan(tomorrow))

        interrupt(land_bad_rows)
        with pytest.raises(WarehouseError, match=r"landing\.readings holds other rows for 2026-03-10"):
            pipeline.audit(items, "first")

        assert pipeline.fetch("select source from quality.audits") == []
        with pytest.raises(QualityError, match="landed"):
            pipeline.publish(items)
        with pytest.raises(QualityError, match="range"):
            pipeline.audit(items, "again")

    def test_a_run_whose_work_was_taken_lets_nothing_pass(self, pipeline, plant, day, interrupt) -> None:
        plant.write_snapshots(day)
        plant.write_day(day)
        items = pipeline.land(pipeline.plan(day))
        newer = []

        def land_and_refuse() -> None:
            unknown = {"machine_id": 99, "order_id": 77, "contract_id": -4, "repaired_on": day}
            plant.write_csv("repairs", day, list(unknown), [unknown])
            newer.extend(pipeline.land(pipeline.plan(day)))
            assert pipeline.audit(newer, "newer")["refused"] == ["repairs"]

        interrupt(land_and_refuse)
        with pytest.raises(StaleWriterError, match="newer run"):
            pipeline.audit(items, "older")

        assert pipeline.publish(newer)["refused"] == ["repairs"]
        assert pipeline.fetch("select * from raw.repairs") == []

    def test_a_late_day_that_was_taken_is_left_to_the_newer_run(self, pipeline, plant, day, interrupt) -> None:
        late, own = day, day + timedelta(days=1)
        plant.write_snapshots(day)
        plant.write_days(day, 2)
        items = pipeline.land(plan_load(pipeline.uri, pipeline.opener, own, own, catch_up_from=late))
        audit.audit_batch(pipeline.uri, pipeline.settings, drop_late(items), "own")
        newer: list[LoadItem] = []
        interrupt(lambda: newer.extend(pipeline.land(pipeline.plan(late))))

        parts = audit.audit_run(
            pipeline.uri, pipeline.settings, [part for part in split_items(items) if part.get("is_late")], "run"
        )

        assert parts == []
        assert pipeline.fetch("select state from landing.deliveries where source = 'readings' order by batch_day") == [
            {"state": "landed"}, {"state": "audited"}
        ]  # fmt: skip
        pipeline.audit(newer, "newer")
        assert pipeline.publish(newer)["rows"]["readings"] == 12

    def test_a_refusal_outlives_its_rows_in_landing(self, pipeline, plant, day) -> None:
        plant.write_snapshots(day)
        plant.write_days(day, 2)
        plant.write_machines(day, age="old", power="some", spare_count="many", size_class="big")
        items = audit.audit_run(pipeline.uri, pipeline.settings, pipeline.land(pipeline.plan(day)), "first")

        plant.write_machines(day + timedelta(days=1))
        pipeline.land([one for one in pipeline.plan(day + timedelta(days=1)) if one["source"] == "machines"])

        assert pipeline.publish(items)["refused"] == ["machines"]


def drop_late(items: list[LoadItem]) -> list[LoadItem]:
    return [part for part in split_items(items) if not part.get("is_late")]
