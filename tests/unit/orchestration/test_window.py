"""When ingestion runs, and which days a run loads."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from include.errors import SettingsError
from include.orchestration.window import make_timetable, read_run_time, resolve_window
from include.settings.clock import read_today

NEW_YORK = "America/New_York"
SUNDAY = date(2026, 11, 22)


def test_a_run_is_for_its_logical_date_and_without_one_for_when_it_could_start() -> None:
    chosen, started = datetime(2026, 3, 8, 9, tzinfo=UTC), datetime(2026, 11, 22, 9, tzinfo=UTC)

    assert read_run_time(SimpleNamespace(logical_date=chosen, run_after=started)) == chosen
    assert read_run_time(SimpleNamespace(logical_date=None, run_after=started)) == started


@pytest.mark.parametrize(
    "today",
    [
        *(SUNDAY + timedelta(days=offset) for offset in range(7)),
        date(2026, 1, 1),
        date(2026, 3, 1),
        date(2028, 3, 1),  # the day before is 29 February
        date(2028, 2, 29),
        date(2026, 4, 30),
        date(2026, 3, 9),  # New York has changed its clocks the day before
        date(2026, 11, 2),
    ],
    ids=str,
)
def test_without_days_it_is_the_day_before_today(today: date) -> None:
    first, last = resolve_window(None, None, today)

    assert first == last
    assert last.toordinal() == today.toordinal() - 1


def test_given_days_win() -> None:
    window = resolve_window("2026-01-01", "2026-01-31", SUNDAY)
    assert window == (date(2026, 1, 1), date(2026, 1, 31))


def test_one_given_day_is_a_window_of_one_day() -> None:
    assert resolve_window("2026-01-05", None, SUNDAY) == (date(2026, 1, 5), date(2026, 1, 5))
    assert resolve_window(None, "2026-01-05", SUNDAY) == (date(2026, 1, 5), date(2026, 1, 5))


def test_a_window_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(SettingsError, match="to_day 2026-01-01 is before from_day 2026-01-02"):
        resolve_window("2026-01-02", "2026-01-01", SUNDAY)


@pytest.mark.parametrize(("from_day", "to_day", "name"), [("2026-02-30", None, "from_day"), (None, "soon", "to_day")])
def test_a_day_that_is_none_is_named(from_day: str | None, to_day: str | None, name: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} is '"):
        resolve_window(from_day, to_day, SUNDAY)


@pytest.mark.parametrize(
    "day",
    [date(2026, 3, 7), date(2026, 3, 8), date(2026, 3, 9), date(2026, 10, 31), date(2026, 11, 1), date(2026, 11, 2)],
    ids=str,
)
def test_the_schedule_runs_at_the_same_time_of_day_on_both_sides_of_a_change_of_clocks(
    airflow_home: Path, day: date
) -> None:
    from airflow.timetables.base import TimeRestriction
    from airflow.timetables.trigger import CronTriggerTimetable

    declared = make_timetable("0 5 * * *", NEW_YORK)
    assert declared is not None
    scheduled = CronTriggerTimetable(declared.expression, timezone=declared.timezone)
    midnight = datetime.combine(day, datetime.min.time(), ZoneInfo(NEW_YORK))

    run = scheduled.next_dagrun_info_v2(
        last_dagrun_info=None, restriction=TimeRestriction(earliest=to_pendulum(midnight), latest=None, catchup=True)
    )

    assert run is not None
    assert read_today(NEW_YORK, read_run_time(run)) == day
    assert run.run_after.astimezone(ZoneInfo(NEW_YORK)).replace(tzinfo=None) == datetime.combine(
        day, datetime.min.time()
    ) + timedelta(hours=5)


def to_pendulum(moment: datetime) -> object:
    import pendulum

    return pendulum.instance(moment)


def test_without_a_cron_there_is_no_schedule(airflow_home: Path) -> None:
    assert make_timetable(None, NEW_YORK) is None


def test_the_dag_has_the_schedule_of_sources_yml_in_its_time_zone(
    airflow_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.dag_processing.dagbag import DagBag

    from include.settings import PROJECT_ROOT, load_settings

    monkeypatch.setenv("ORRERY_ENVIRONMENT", "production")
    sources = load_settings().sources

    bag = DagBag(str(PROJECT_ROOT / "dags" / "ingest_sources.py"))

    assert bag.import_errors == {}
    timetable = bag.dags["ingest_sources"].timetable
    assert timetable.expression == sources.schedule
    assert str(getattr(timetable.timezone, "name", timetable.timezone)) == sources.time_zone
