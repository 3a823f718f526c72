"""Which earlier days a run catches up on."""

from __future__ import annotations

import os
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from include.errors import DeliveryMissingError, SourceError, StaleWriterError
from include.ingestion import plan
from include.ingestion.audit import audit_run
from include.ingestion.own_day import check_published, find_missing
from include.ingestion.plan import LoadItem, plan_load, split_items
from tests.unit.ingestion.conftest import ROWS

ONE = timedelta(days=1)


def plan_run(pipeline, day: date) -> dict[str, LoadItem]:
    """What a run of a day loads, which looks for late days among the three before it; by source."""
    found = plan_load(pipeline.uri, pipeline.opener, day, day, catch_up_from=day - 3 * ONE)
    return {item["source"]: item for item in found}


def run(pipeline, day: date) -> dict[str, Any]:
    """All four steps of such a run."""
    items = pipeline.land([*plan_run(pipeline, day).values()])
    return pipeline.publish(audit_run(pipeline.uri, pipeline.settings, items, audit_id=f"run of {day}"))


def days_of(item: LoadItem) -> list[str]:
    """The item's own days, or late ones where it has none, and its other late ones."""
    assert item["from_day"] == item["to_day"]
    return [part["from_day"] for part in split_items([item])]


def find_published(pipeline, source: str) -> list[str]:
    rows = pipeline.fetch("select batch_day from raw.partitions where source = %s order by batch_day", source)
    return [str(row["batch_day"]) for row in rows]


def write_anew(path: Path, content: bytes) -> None:
    """As a source does that delivers again an hour later."""
    path.write_bytes(content)
    os.utime(path, (time.time() + 3600,) * 2)


def test_a_run_loads_its_own_day_and_those_that_are_not_published(pipeline, another_pipeline, plant, day) -> None:
    plant.write_snapshots(day)
    plant.write_days(day, 5)
    for offset in (0, 2):
        pipeline.load(day + offset * ONE)
    stale, items = ([*plan_run(pipeline, day + 4 * ONE).values()] for _ in range(2))

    assert [days_of(item) for item in items] == [["2026-03-13", "2026-03-10", "2026-03-12"]] * 2
    items = split_items(pipeline.land(items))
    pipeline.approve()
    with pytest.raises(StaleWriterError):
        pipeline.publish(split_items(stale))
    with pytest.raises(StaleWriterError):
        audit_run(pipeline.uri, pipeline.settings, stale, audit_id="stale")
    assert pipeline.publish(items)["rows"] == {"readings": 3 * ROWS, "repairs": 3}
    another_pipeline.load(day, day + 4 * ONE)

    tables = ("raw.readings", "raw.repairs")
    assert pipeline.hash_tables(*tables) == another_pipeline.hash_tables(*tables)
    assert days_of(plan_run(pipeline, day + 4 * ONE)["readings"]) == ["2026-03-13"]


def test_snapshots_between_two_runs_are_loaded_as_if_each_day_had_had_its_run(
    pipeline, another_pipeline, plant, day
) -> None:
    grades = {0: "Fine", 1: "Rough", 2: "Fine", 3: "Blunt"}
    plant.write_days(day, 5)
    for offset, grade in grades.items():
        plant.write_snapshots(day + offset * ONE, grade=grade)
    pipeline.load(day)
    for offset in range(5):
        another_pipeline.load(day + offset * ONE)

    items = plan_run(pipeline, day + 4 * ONE)
    assert days_of(items["parts"]) == ["2026-03-12", "2026-03-10", "2026-03-11"]
    assert "is_late" not in items["parts"]
    run(pipeline, day + 4 * ONE)

    history = "select part_id, grade, valid_from, valid_to from raw.parts order by part_id, valid_from"
    periods = pipeline.fetch(history)
    assert [(row["grade"], str(row["valid_from"])) for row in periods if row["part_id"] == 1] == [
        ("Fine", "2026-03-10"), ("Rough", "2026-03-11"), ("Fine", "2026-03-12"), ("Blunt", "2026-03-13"),
    ]  # fmt: skip
    assert periods == another_pipeline.fetch(history)
    assert "parts" not in plan_run(pipeline, day + 4 * ONE)


def test_a_corrected_snapshot_before_the_newest_counts_from_the_day_after_its_correction(pipeline, plant, day) -> None:
    plant.write_days(day, 3)
    for offset in range(2):
        plant.write_snapshots(day + offset * ONE)
    pipeline.load(day, day + ONE)
    corrected = plant.root / "parts" / f"{day}.parquet"
    plant.write_snapshots(day, grade="Rough")
    write_anew(corrected, corrected.read_bytes())

    assert days_of(plan_run(pipeline, day + 2 * ONE)["parts"]) == [str(day)]
    run(pipeline, day + 2 * ONE)

    assert {row["grade"] for row in pipeline.fetch("select grade from raw.parts")} == {"Fine"}
    assert len(pipeline.fetch("select 1 from raw.snapshots where source = 'parts' and batch_day = %s", day)) == 2
    assert "parts" not in plan_run(pipeline, day + 2 * ONE)


def test_a_bad_earlier_snapshot_is_left_out_alone(pipeline, plant, day) -> None:
    plant.write_days(day, 3)
    for offset in range(3):
        plant.write_snapshots(day + offset * ONE)
    pipeline.load(day)
    (plant.root / "parts" / f"{day + ONE}.parquet").write_bytes(b"PAR1 cut off")

    run(pipeline, day + 2 * ONE)

    assert find_published(pipeline, "parts") == ["2026-03-09", "2026-03-11"]
    assert find_published(pipeline, "readings") == ["2026-03-09", "2026-03-10", "2026-03-11"]
    assert "parts" not in plan_run(pipeline, day + 2 * ONE)


def test_a_later_run_that_loads_a_late_day_by_itself_wins(pipeline, plant, day) -> None:
    plant.write_snapshots(day)
    plant.write_days(day, 2)
    late = plan_run(pipeline, day + ONE)["readings"]["late"][0]

    again = pipeline.plan(day)[0]

    assert (again["fence"], again["token"]) == (late["fence"], late["token"] + 1)


def test_late_days_that_a_newer_run_has_taken_are_left_to_it(
    pipeline, plant, day, caplog: pytest.LogCaptureFixture
) -> None:
    """Both runs have planned before one of them goes on; each publishes its own day."""
    plant.write_snapshots(day - ONE)
    plant.write_days(day, 4)
    pipeline.load(day)
    older, newer = ([*plan_run(pipeline, day + offset * ONE).values()] for offset in (2, 3))
    assert days_of(older[0]) == ["2026-03-11", "2026-03-10"]
    assert days_of(newer[0]) == ["2026-03-12", "2026-03-10", "2026-03-11"]

    # The newer one has taken the older one's own day too, as a late one.
    with pytest.raises(StaleWriterError):
        audit_run(pipeline.uri, pipeline.settings, pipeline.land(older), audit_id="older")
    again = [*plan_run(pipeline, day + 2 * ONE).values()]
    for items in (newer, again):
        landed = pipeline.land(items)
        parts = audit_run(pipeline.uri, pipeline.settings, landed, audit_id=items[0]["fence"])
        assert pipeline.publish(split_items(landed)) == pipeline.publish(parts)

    assert "readings of the late day 2026-03-10 is left to a newer run" in caplog.text
    assert find_published(pipeline, "readings") == ["2026-03-09", "2026-03-10", "2026-03-11", "2026-03-12"]


def test_plans_take_fences_in_one_order(pipeline, plant, day, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two that take the same ones in different orders would block each other."""
    plant.write_snapshots(day)
    plant.write_days(day, 4)
    taken: list[str] = []
    take = plan.take_fence
    monkeypatch.setattr(plan, "take_fence", lambda session, name: taken.append(name) or take(session, name))

    items = split_items([*plan_run(pipeline, day + 3 * ONE).values()])

    assert taken == sorted(item["fence"] for item in items)
    assert len(taken) > 6


def test_a_day_that_is_older_than_the_span_is_not_looked_for(pipeline, plant, day) -> None:
    plant.write_snapshots(day)
    plant.write_days(day, 5)

    assert days_of(plan_run(pipeline, day + 4 * ONE)["readings"])[1:] == ["2026-03-10", "2026-03-11", "2026-03-12"]


def test_an_earlier_day_that_is_missing_stops_nothing_and_comes_later_with_what_refers_to_it(
    pipeline, plant, day, caplog: pytest.LogCaptureFixture
) -> None:
    plant.write_snapshots(day)
    plant.write_days(day, 4)
    pipeline.load(day)
    lost = plant.root / "readings" / f"{day + ONE}.parquet"
    content = lost.read_bytes()
    lost.unlink()

    items = plan_run(pipeline, day + 2 * ONE)
    assert days_of(items["readings"]) == days_of(items["repairs"]) == ["2026-03-11"]
    assert "Source 'readings': 1 day(s) missing, for 2026-03-10" in caplog.text
    pipeline.load(day + 2 * ONE)

    lost.write_bytes(content)
    items = plan_run(pipeline, day + 3 * ONE)
    assert days_of(items["readings"]) == days_of(items["repairs"]) == ["2026-03-12", "2026-03-10"]


def test_late_days_of_an_optional_source_come_without_its_own_day(pipeline, plant, day) -> None:
    plant.write_snapshots(day)
    plant.write_days(day, 3)
    (plant.root / "repairs" / f"{day + 2 * ONE}.csv").unlink()

    item = plan_run(pipeline, day + 2 * ONE)["repairs"]

    assert days_of(item) == ["2026-03-09", "2026-03-10"]
    assert [part["files"] for part in split_items(pipeline.land([item]))] == [1, 1]


def test_a_critical_source_that_is_always_a_day_late_is_loaded_by_runs_that_fail_at_their_end(
    pipeline, plant, day, caplog: pytest.LogCaptureFixture
) -> None:
    plant.write_snapshots(day)
    plant.write_day(day)
    pipeline.load(day)
    for own in (day + 2 * ONE, day + 3 * ONE):
        plant.write_day(own - ONE)
        repair = {"machine_id": 1, "order_id": 77, "contract_id": 1, "repaired_on": own}
        plant.write_csv("repairs", own, list(repair), [repair])  # is held back with the own day
        plant.write_snapshots(own, parts=3 + own.day % 2)

        items = plan_run(pipeline, own)
        assert days_of(items["readings"]) == days_of(items["repairs"]) == [str(own - ONE)]
        landed = split_items(pipeline.land([*items.values()]))
        pipeline.approve()
        pipeline.publish(landed)

        assert f"'readings': 1 day(s) missing, for {own}" in caplog.text
        expected = rf"'readings', for {own}, expected .*readings/{own}\.parquet"
        (missing,) = find_missing(pipeline.uri, pipeline.settings, own, own)
        with pytest.raises(DeliveryMissingError, match=expected):
            check_published(pipeline.uri, pipeline.opener, missing)
        check_published(pipeline.uri, pipeline.opener, {**missing, "days": [str(own - ONE)]})  # the run before, cleared

    assert find_published(pipeline, "readings") == ["2026-03-09", "2026-03-10", "2026-03-11"]
    assert find_published(pipeline, "parts") == ["2026-03-09", "2026-03-11", "2026-03-12"]


def test_a_run_that_failed_for_its_own_day_loads_it_when_its_plan_is_cleared(pipeline, plant, day) -> None:
    plant.write_snapshots(day)
    plant.write_day(day)
    assert days_of(plan_run(pipeline, day + ONE)["readings"]) == ["2026-03-09"]
    plant.write_day(day + ONE)

    items = plan_run(pipeline, day + ONE)

    assert days_of(items["readings"]) == ["2026-03-10", "2026-03-09"]
    landed = split_items(pipeline.land([*items.values()]))
    pipeline.approve()
    pipeline.publish(landed)
    assert find_missing(pipeline.uri, pipeline.settings, day + ONE, day + ONE) == []
    both = pipeline.settings.model_copy(
        update={
            "sources": {
                name: one.model_copy(update={"critical": True}) for name, one in pipeline.settings.sources.items()
            }
        }
    )
    daily = [name for name, one in both.sources.items() if one.grain == "daily"]
    assert len(daily) > 1
    assert find_missing(pipeline.uri, both, day + ONE, day + 2 * ONE) == [
        {"source": name, "days": [str(day + 2 * ONE)]} for name in daily
    ]


def test_a_published_day_is_loaded_again_when_its_file_has_other_content(
    pipeline, plant, day, caplog: pytest.LogCaptureFixture
) -> None:
    """The file was read while it was written: what it held was a whole file too."""
    plant.write_snapshots(day)
    plant.write_days(day, 2)
    pipeline.load(day)
    rows = [{"machine_id": machine, "order_id": 77, "contract_id": 1, "repaired_on": day} for machine in (1, 2)]
    path = plant.root / "repairs" / f"{day}.csv"
    partial = path.read_bytes()
    plant.write_csv("repairs", day, list(rows[0]), rows)

    items = plan_run(pipeline, day + ONE)
    assert days_of(items["repairs"]) == ["2026-03-10", "2026-03-09"]
    assert days_of(items["readings"]) == ["2026-03-10"]
    landed = split_items(pipeline.land([*items.values()]))
    pipeline.approve()
    pipeline.publish(landed)

    assert pipeline.fetch("select count(*) as rows from raw.repairs where batch_day = %s", day) == [{"rows": 2}]
    assert "late" not in plan_run(pipeline, day + ONE)["repairs"]
    write_anew(path, partial + b"not,a,good,row\n")
    assert run(pipeline, day + ONE)["refused"] == ["repairs"]
    assert pipeline.fetch("select count(*) as rows from raw.repairs where batch_day = %s", day) == [{"rows": 2}]


def test_without_late_days_a_missing_own_day_of_a_critical_source_stops_the_plan(pipeline, plant, day) -> None:
    plant.write_snapshots(day)
    plant.write_day(day)
    pipeline.load(day)

    with pytest.raises(DeliveryMissingError, match="missing, for 2026-03-10"):
        plan_run(pipeline, day + ONE)


def test_a_bad_late_day_is_left_out_alone_until_it_has_changed(
    pipeline, plant, day, caplog: pytest.LogCaptureFixture
) -> None:
    """One late file is torn, another one repeats rows of the run's own day."""
    plant.write_snapshots(day)
    plant.write_days(day, 5)
    pipeline.load(day)
    torn = plant.root / "readings" / f"{day + ONE}.parquet"
    content = torn.read_bytes()
    torn.write_bytes(b"half a file")
    rows = plant.list_lines(day + 2 * ONE)
    plant.write_readings(day + 3 * ONE, [*plant.list_lines(day + 3 * ONE), rows[-1]])

    assert run(pipeline, day + 3 * ONE)["rows"] == {"readings": ROWS + 1, "repairs": 1}

    assert find_published(pipeline, "readings") == ["2026-03-09", "2026-03-12"]
    assert find_published(pipeline, "repairs") == ["2026-03-09", "2026-03-12"], "what it refers to was refused"
    items = plan_run(pipeline, day + 4 * ONE)
    assert days_of(items["readings"]) == ["2026-03-13"]
    assert "'readings' was refused for 2026-03-10, 2026-03-11" in caplog.text
    write_anew(torn, content)
    assert days_of(plan_run(pipeline, day + 4 * ONE)["readings"]) == ["2026-03-13", "2026-03-10"]
    run(pipeline, day + 4 * ONE)
    assert find_published(pipeline, "readings") == ["2026-03-09", "2026-03-10", "2026-03-12", "2026-03-13"]
    assert days_of(plan_run(pipeline, day + 4 * ONE)["repairs"])[1:] == ["2026-03-10"], "what it refers to is there"


class TestCorrectedWhileTheRunWasUnderWay:
    """What was read counts, not the time of the audit."""

    @pytest.fixture(params=["a bad row", "a torn file"])
    def refused(self, request: pytest.FixtureRequest, pipeline, plant, day) -> Path:
        """The late file of the first day lands in a bad state; it is corrected before the run audits it."""
        plant.write_snapshots(day)
        plant.write_days(day, 3)
        late = plant.root / "readings" / f"{day}.parquet"
        good = late.read_bytes()
        if request.param == "a torn file":
            late.write_bytes(good[:100])
        else:
            plant.write_readings(day, [{**row, "heat": -5.0} for row in plant.list_lines(day)])
        items = pipeline.land([*plan_run(pipeline, day + ONE).values()])
        bad = late.read_bytes()
        late.write_bytes(good)
        result = pipeline.publish(audit_run(pipeline.uri, pipeline.settings, items, audit_id="run"))
        assert sorted(result["refused"]) == ["readings", "repairs"]
        late.with_suffix(".bad").write_bytes(bad)
        return late

    def test_it_is_tried_again(self, pipeline, refused, day) -> None:
        assert days_of(plan_run(pipeline, day + 2 * ONE)["readings"]) == ["2026-03-11", "2026-03-09"]

        run(pipeline, day + 2 * ONE)

        assert find_published(pipeline, "readings") == ["2026-03-09", "2026-03-10", "2026-03-11"]

    def test_it_is_not_when_it_is_the_same_again(self, pipeline, refused, day) -> None:
        write_anew(refused, refused.with_suffix(".bad").read_bytes())

        assert days_of(plan_run(pipeline, day + 2 * ONE)["readings"]) == ["2026-03-11"]

    def test_what_refers_to_it_is_tried_again_once_it_is_published(self, pipeline, refused, day) -> None:
        items = pipeline.land([item for item in pipeline.plan(day) if item["source"] == "readings"])
        pipeline.approve()
        pipeline.publish(items)
        # As if it had been published by a transaction that began before the refusal was noted.
        pipeline.fetch("update quality.quarantine set quarantined_at = now() + interval '1 hour' returning 1")

        assert days_of(plan_run(pipeline, day + 2 * ONE)["repairs"]) == ["2026-03-11", "2026-03-09"]


def test_a_day_is_tried_again_once_its_rules_are_others(pipeline, plant, day) -> None:
    plant.write_snapshots(day)
    plant.write_days(day, 3)
    plant.write_readings(day, [{**row, "heat": 20_000.0} for row in plant.list_lines(day)])
    run(pipeline, day + ONE)
    assert days_of(plan_run(pipeline, day + 2 * ONE)["readings"]) == ["2026-03-11"]

    readings = pipeline.settings.sources["readings"]
    heat = readings.columns["heat"].model_copy(update={"max": 50_000.0})
    changed = readings.model_copy(update={"columns": {**readings.columns, "heat": heat}})
    sources = {**pipeline.settings.sources, "readings": changed}
    pipeline.settings = pipeline.settings.model_copy(update={"sources": sources})

    assert days_of(plan_run(pipeline, day + 2 * ONE)["readings"]) == ["2026-03-11", "2026-03-09"]


def test_rows_of_the_own_day_that_refer_to_a_refused_late_day_are_refused(pipeline, plant, day) -> None:
    plant.write_snapshots(day)
    plant.write_day(day, lambda rows: [{**row, "heat": -5.0} for row in rows])
    plant.write_day(day + ONE)
    repair = {"machine_id": 1, "order_id": 78, "contract_id": 1, "repaired_on": day}
    plant.write_csv("repairs", day + ONE, list(repair), [repair])

    result = run(pipeline, day + ONE)

    assert result["rows"] == {"readings": ROWS, "parts": 3, "machines": 2, "contracts": 2}
    assert sorted(result["refused"]) == ["readings", "repairs", "repairs"]
    assert pipeline.fetch("select * from quality.profiles where source = 'repairs'") == []


def test_a_late_day_repeats_no_row_that_another_run_has_left_in_landing(pipeline, plant, day) -> None:
    plant.write_snapshots(day)
    plant.write_days(day, 3)
    plant.write_day(day + 2 * ONE, lambda rows: [*rows, plant.list_lines(day)[0]])
    pipeline.land_and_approve(day + 2 * ONE)

    assert run(pipeline, day + ONE)["rows"]["readings"] == 2 * ROWS


def test_a_bad_file_of_the_own_day_stops_the_run(pipeline, plant, day) -> None:
    plant.write_snapshots(day)
    plant.write_days(day, 2)
    (plant.root / "readings" / f"{day + ONE}.parquet").write_bytes(b"half a file")
    item = plan_run(pipeline, day + ONE)["readings"]

    assert days_of(item) == ["2026-03-10", "2026-03-09"]
    with pytest.raises(SourceError, match=r"2026-03-10\.parquet"):
        pipeline.land([item])
