"""Moves the example's panel in time: by whole weeks, to end on the day of your choice."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pyarrow as pa

TIME_ZONE: Final = "America/New_York"
FIRST_PANEL_DAY: Final = date(2017, 1, 1)
LAST_PANEL_DAY: Final = date(2017, 12, 31)


def plan_shift(last_day: date) -> tuple[date, int]:
    """The panel's last day with the weekday of ``last_day``, and the shift from it, in days (whole weeks)."""
    panel_end = LAST_PANEL_DAY - timedelta(days=(LAST_PANEL_DAY.weekday() - last_day.weekday()) % 7)
    return panel_end, (last_day - panel_end).days


def list_shifted_days(last_day: date) -> list[date]:
    """The days that are left of the panel, shifted to end on ``last_day``: 359 on a Monday to 365 on a Sunday."""
    panel_end, shift_days = plan_shift(last_day)
    first_day = FIRST_PANEL_DAY + timedelta(days=shift_days)
    return [first_day + timedelta(days=offset) for offset in range((panel_end - FIRST_PANEL_DAY).days + 1)]


def shift_timestamps(utc: pa.ChunkedArray, shift_days: int) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """Move naive UTC timestamps by whole days of the shop's wall clock.

    An hour that the new day does not have becomes the end of its gap; one that it has twice is the
    first.

    Returns:
        the new timestamps (timestamp[us, UTC]) and their shop days (date32).
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    microseconds = pa.timestamp("us")
    zoned = pc.assume_timezone(utc.cast(microseconds), "UTC").cast(pa.timestamp("us", TIME_ZONE))
    wall = pc.add(pc.local_timestamp(zoned), pa.scalar(timedelta(days=shift_days), pa.duration("us")))
    local = pc.assume_timezone(wall, TIME_ZONE, ambiguous="earliest", nonexistent="latest")
    days = pc.floor_temporal(wall, unit="day").cast(pa.date32())
    return local.cast(pa.timestamp("us", "UTC")), days
