"""The task ``plan``: which days a run loads, and when it waits."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from include.errors import SourceError
from include.ingestion.plan import split_items
from include.settings import CONFIG_DIR
from include.settings.clock import TODAY_VARIABLE
from tests.unit.ingestion import conftest as ingestion
from tests.unit.ingestion.conftest import DAY, Plant

ZONE = ZoneInfo("America/New_York")
ONE = timedelta(days=1)
SOURCES = Path(ingestion.__file__).with_name("sources.yml")


@pytest.fixture
def plant(tmp_path: Path, airflow_home: Path, warehouse_uri: str, monkeypatch: pytest.MonkeyPatch) -> Plant:
    """A plant whose deliveries a task of Airflow loads; it has delivered snapshots only."""
    shutil.copytree(CONFIG_DIR, tmp_path / "config")
    shutil.copy(SOURCES, tmp_path / "config" / "sources.yml")
    monkeypatch.setenv("ORRERY_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("ORRERY_SOURCES_DIR", str(tmp_path))
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", warehouse_uri)
    monkeypatch.delenv(TODAY_VARIABLE, raising=False)
    plant = Plant(tmp_path)
    plant.write_snapshots(date(2026, 1, 1))
    return plant


def make_context(logical_date: datetime | None, run_type: str = "scheduled", **days: str) -> dict[str, Any]:
    """What Airflow tells a task of its run, which started just now."""
    run = {"logical_date": logical_date, "run_after": datetime.now(UTC), "run_type": run_type}
    return {
        "params": {"from_day": None, "to_day": None, **days},
        "dag_run": SimpleNamespace(**run),
    }


def execute(context: dict[str, Any], event: list[str] | None = None) -> dict[str, Any]:
    """The plan by source; ``event`` is the triggerer's."""
    from include.orchestration.plan_load import PlanLoad

    task = PlanLoad(task_id="plan")
    items = task.execute(context) if event is None else task.look_again(context, event)
    return {item["source"]: item for item in items}


def defer(context: dict[str, Any]) -> Any:
    """The trigger that the task waits with."""
    from airflow.sdk.exceptions import TaskDeferred

    with pytest.raises(TaskDeferred) as caught:
        execute(context)
    assert caught.value.method_name == "look_again"
    return caught.value.trigger


@pytest.mark.parametrize("day", [date(2026, 3, 7), date(2026, 3, 8), date(2026, 10, 31), date(2026, 11, 1)], ids=str)
def test_a_run_loads_the_day_before_its_logical_date_by_the_clock_of_the_zone(plant: Plant, day: date) -> None:
    plant.write_days(day - ONE, 3)
    for clock in (datetime.min.time(), datetime.max.time()):
        run_time = datetime.combine(day + ONE, clock, ZONE).astimezone(UTC)

        readings = execute(make_context(run_time))["readings"]

        assert [part["from_day"] for part in split_items([readings])] == [str(day), str(day - ONE)]


def test_runs_of_a_backfill_do_not_take_one_anothers_days_as_late(plant: Plant) -> None:
    plant.write_days(DAY, 2)

    readings = execute(make_context(datetime.combine(DAY + 2 * ONE, datetime.min.time(), ZONE), "backfill"))["readings"]

    assert [part["from_day"] for part in split_items([readings])] == [str(DAY + ONE)]


def test_it_waits_for_the_deliveries_of_its_own_day_and_then_plans(plant: Plant) -> None:
    today = datetime.now(ZONE).date()
    context = make_context(None)
    trigger = defer(context)
    assert (trigger.names, trigger.day) == (["readings", "repairs"], str(today - ONE))

    plant.write_day(today - ONE)
    assert defer(context).names == ["readings", "repairs"], "what was written just now may not be whole"
    trigger.poll_s = 0.01

    async def wait() -> list[str]:
        async for event in trigger.run():
            return list(event.payload)
        raise AssertionError("the trigger yields one event")

    items = execute(context, asyncio.run(wait()))

    assert {items[name]["from_day"] for name in ("readings", "repairs")} == {str(today - ONE)}


@pytest.mark.parametrize(("missing", "is_fatal"), [("readings/{}.parquet", True), ("repairs/{}.csv", False)])
def test_when_the_time_is_up_a_critical_source_stops_the_run_and_another_is_left_out(
    plant: Plant, missing: str, is_fatal: bool, caplog: pytest.LogCaptureFixture
) -> None:
    plant.write_day(DAY)
    path = plant.root / missing.format(DAY)
    path.unlink()
    context = make_context(datetime.combine(DAY + ONE, datetime.min.time(), ZONE))

    if is_fatal:
        with pytest.raises(SourceError, match=str(path)):
            execute(context, [str(path)])
    else:
        assert "repairs" not in execute(context, [str(path)])
        assert str(path) in caplog.text


def test_given_days_are_loaded_without_a_wait_and_without_late_ones(plant: Plant) -> None:
    plant.write_days(DAY, 2)

    items = execute(make_context(None, from_day=str(DAY + ONE)))
    assert "late" not in items["readings"]

    with pytest.raises(SourceError, match="missing, for 2026-03-11"):
        execute(make_context(None, to_day=str(DAY + 2 * ONE)))
