"""Which days a run is about."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from include.errors import SettingsError


def resolve_window(from_day: str | None, to_day: str | None, run_after: datetime, time_zone: str) -> tuple[date, date]:
    """The first and the last day to load, both included.

    Given days win. With none given it is the shop's last whole day before ``run_after``.

    Raises:
        SettingsError: the last day is before the first.
    """
    yesterday = run_after.astimezone(ZoneInfo(time_zone)).date() - timedelta(days=1)
    last = date.fromisoformat(to_day) if to_day else (date.fromisoformat(from_day) if from_day else yesterday)
    first = date.fromisoformat(from_day) if from_day else last
    if last < first:
        raise SettingsError(f"to_day {last} is before from_day {first}. Trigger the run again.")
    return first, last
