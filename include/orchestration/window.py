"""When ingestion runs, and which days a run is about."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from include.errors import SettingsError
from include.settings.clock import read_today

if TYPE_CHECKING:
    from airflow.sdk import CronTriggerTimetable


def resolve_window(from_day: str | None, to_day: str | None, today: date) -> tuple[date, date]:
    """The first and the last day to load, both included.

    Given days win. With none given it is the day before ``today``, the last whole one.

    Args:
        today: of the run's time (:func:`read_run_time`), in the sources' time zone
            (:func:`include.settings.clock.read_today`).

    Raises:
        SettingsError: a given day is none, or the last day is before the first.
    """
    last = _parse_day("to_day", to_day) or _parse_day("from_day", from_day) or today - timedelta(days=1)
    first = _parse_day("from_day", from_day) or last
    if last < first:
        raise SettingsError(f"to_day {last} is before from_day {first}. Trigger the run again.")
    return first, last


def read_window(context: Any, time_zone: str) -> tuple[date, date]:
    """The first and the last day that a run loads, both included.

    Raises:
        SettingsError: see :func:`resolve_window`.
    """
    params = context["params"]
    today = read_today(time_zone, read_run_time(context["dag_run"]))
    return resolve_window(params["from_day"], params["to_day"], today)


def read_run_time(dag_run: Any) -> datetime:
    """The moment that a run is for: its logical date, which a backfill or a person chose; else when it could start."""
    moment: datetime = dag_run.logical_date or dag_run.run_after
    return moment


def make_timetable(cron: str | None, time_zone: str) -> CronTriggerTimetable | None:
    """A schedule that follows the clocks of a time zone; a plain cron expression would run in UTC.

    Args:
        cron: checked when the settings load; None for a DAG without a schedule.
    """
    from airflow.sdk import CronTriggerTimetable

    return None if cron is None else CronTriggerTimetable(cron, timezone=time_zone)


def _parse_day(name: str, text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise SettingsError(f"{name} is {text!r}; expected a day such as 2026-03-09. Trigger the run again.") from error
