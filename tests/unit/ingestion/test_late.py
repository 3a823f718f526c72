"""Which earlier days a run catches up on."""

from __future__ import annotations

import os
import time
from datetime import date, timedelta
from pathlib import Path

import pytest

from include.errors import SourceError, StaleWriterError
from include.ingestion.plan import LoadItem, plan_load

ONE = timedelta(days=1)


def plan_run(pipeline, day: date) -> dict[str, LoadItem]:
    """What a run of a day loads, which looks for late days among the three before it; by source."""
    found = plan_load(pipeline.uri, pipeline.settings, pipeline.root, day, day, catch_up_from=day - 3 * ONE)
    return {item["source"]: item for item in found}


def days_of(item: LoadItem) -> tuple[list[str], str, str]:
    return item.get("late_days", []), item["from_day"], item["to_day"]


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

    assert [days_of(item) for item in items] == [(["2026-03-10", "2026-03-12"], "2026-03-13", "2026-03-13")] * 2
    pipeline.land(items)
    pipeline.approve()
    with pytest.raises(StaleWriterError):
        pipeline.publish(stale)
    pipeline.publish(items)
    another_pipeline.load(day, day + 4 * ONE)

    tables = ("raw.readings", "raw.repairs")
    assert pipeline.hash_tables(*tables) == another_pipeline.hash_tables(*tables)
    assert "late_days" not in plan_run(pipeline, day + 4 * ONE)["readings"]


def test_a_day_that_is_older_than_the_span_is_not_looked_for(pipeline, plant, day) -> None:
    plant.write_snapshots(day)
    plant.write_days(day, 5)

    assert days_of(plan_run(pipeline, day + 4 * ONE)["readings"])[0] == ["2026-03-10", "2026-03-11", "2026-03-12"]


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
    assert days_of(items["readings"]) == days_of(items["repairs"]) == ([], "2026-03-11", "2026-03-11")
    assert "Source 'readings': 1 file(s) missing, for 2026-03-10" in caplog.text
    pipeline.load(day + 2 * ONE)

    lost.write_bytes(content)
    items = plan_run(pipeline, day + 3 * ONE)
    assert days_of(items["readings"]) == days_of(items["repairs"]) == (["2026-03-10"], "2026-03-12", "2026-03-12")


def test_late_days_of_an_optional_source_come_without_its_own_day(pipeline, plant, day) -> None:
    plant.write_snapshots(day)
    plant.write_days(day, 3)
    (plant.root / "repairs" / f"{day + 2 * ONE}.csv").unlink()

    items = plan_run(pipeline, day + 2 * ONE)

    assert days_of(items["repairs"]) == (["2026-03-09"], "2026-03-10", "2026-03-10")
    assert pipeline.land([items["repairs"]])[0]["files"] == 2


def test_the_own_day_of_a_critical_source_stops_the_run_also_with_late_days(pipeline, plant, day) -> None:
    plant.write_snapshots(day)
    plant.write_days(day, 2)

    with pytest.raises(SourceError, match="missing, for 2026-03-11"):
        plan_run(pipeline, day + 2 * ONE)


def test_a_bad_late_file_is_left_out_until_it_has_changed(
    pipeline, plant, day, caplog: pytest.LogCaptureFixture
) -> None:
    plant.write_snapshots(day)
    plant.write_days(day, 4)
    pipeline.load(day)
    late = plant.root / "readings" / f"{day + ONE}.parquet"
    content = late.read_bytes()
    late.write_bytes(b"half a file")

    items = pipeline.land([*plan_run(pipeline, day + 2 * ONE).values()])
    pipeline.audit(items)
    # The repairs of both days are one batch, and refer to readings that are not there.
    assert pipeline.publish(items)["refused"] == ["repairs"]

    items = plan_run(pipeline, day + 3 * ONE)
    assert "late_days" not in items["readings"]
    assert "'readings' was refused for 2026-03-10" in caplog.text
    assert items["repairs"]["late_days"] == ["2026-03-11"], "the readings of this day were published since"
    write_anew(late, content)
    assert plan_run(pipeline, day + 3 * ONE)["readings"]["late_days"] == ["2026-03-10"]


def test_a_bad_file_of_the_own_day_stops_the_run(pipeline, plant, day) -> None:
    plant.write_snapshots(day)
    plant.write_days(day, 2)
    (plant.root / "readings" / f"{day + ONE}.parquet").write_bytes(b"half a file")
    item = plan_run(pipeline, day + ONE)["readings"]

    assert item["late_days"] == ["2026-03-09"]
    with pytest.raises(SourceError, match=r"2026-03-10\.parquet"):
        pipeline.land([item])


def test_a_row_of_a_day_between_late_days_is_a_repeat(pipeline, plant, day) -> None:
    from include.ingestion.facts import measure_facts
    from include.warehouse.session import open_session

    plant.write_snapshots(day)
    plant.write_days(day, 3)
    plant.write_readings(day + ONE, [*plant.list_lines(day + ONE), plant.list_lines(day)[0]])
    pipeline.load(day + ONE)
    item = plan_run(pipeline, day + 2 * ONE)["readings"]
    pipeline.land([item])

    with open_session(pipeline.uri) as session:
        assert measure_facts(session, pipeline.settings, item)["repeated_rows"].value == 1
