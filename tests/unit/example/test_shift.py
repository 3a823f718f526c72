"""The panel in another year: whole weeks, and the shop's wall clock."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from include.example.shift import (
    FIRST_PANEL_DAY,
    LAST_PANEL_DAY,
    TIME_ZONE,
    list_shifted_days,
    plan_shift,
    shift_timestamps,
)

SUNDAY = date(2026, 11, 22)
LAST_DAYS = [
    *(SUNDAY + timedelta(days=offset) for offset in range(7)),
    date(2026, 1, 31), date(2026, 2, 28), date(2026, 4, 30), date(2026, 12, 31), date(2027, 1, 1),
    date(2028, 2, 28), date(2028, 2, 29), date(2028, 3, 1),
    date(2026, 3, 7), date(2026, 3, 8), date(2026, 3, 9), date(2026, 10, 31), date(2026, 11, 1), date(2026, 11, 2),
]  # fmt: skip


@pytest.mark.parametrize("last_day", LAST_DAYS, ids=str)
def test_the_shift_is_whole_weeks_and_ends_on_the_last_day(last_day: date) -> None:
    panel_end, shift_days = plan_shift(last_day)

    assert shift_days % 7 == 0
    assert panel_end + timedelta(days=shift_days) == last_day
    assert timedelta() <= LAST_PANEL_DAY - panel_end < timedelta(days=7)


@pytest.mark.parametrize("last_day", LAST_DAYS, ids=str)
def test_the_days_follow_one_another_and_their_number_follows_from_the_weekday(last_day: date) -> None:
    days = list_shifted_days(last_day)

    assert len(days) == 358 + last_day.isoweekday()
    assert days[-1] == last_day
    assert {after - before for before, after in itertools.pairwise(days)} == {timedelta(days=1)}
    assert days[0].weekday() == FIRST_PANEL_DAY.weekday()


@pytest.mark.parametrize("last_day", LAST_DAYS, ids=str)
def test_a_moment_keeps_its_day_and_its_wall_clock(last_day: date) -> None:
    """The first and the last minute of the panel's day that becomes the last one, and noon."""
    panel_end, shift_days = plan_shift(last_day)
    zone = ZoneInfo(TIME_ZONE)
    walls = [datetime.combine(panel_end, datetime.min.time()) + timedelta(minutes=one) for one in (0, 720, 1439)]
    utc = [wall.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None) for wall in walls]

    moved, days = shift_timestamps(pa.chunked_array([pa.array(utc, pa.timestamp("us"))]), shift_days)

    shifted = [moment.astimezone(zone).replace(tzinfo=None) for moment in moved.to_pylist()]
    assert shifted == [wall + timedelta(days=shift_days) for wall in walls]
    assert days.to_pylist() == [last_day] * 3


@pytest.mark.parametrize(
    ("utc", "shift_days", "expected_local", "expected_utc"),
    [
        # 5 March 2017, 02:30, moves to 12 March 2017, where the clocks jump from 02:00 to 03:00.
        (datetime(2017, 3, 5, 7, 30), 7, datetime(2017, 3, 12, 3, 0), datetime(2017, 3, 12, 7, 0)),
        # 5 November 2017, 01:30 in winter time (the second time), moves to a day with one 01:30.
        (datetime(2017, 11, 5, 6, 30), 7, datetime(2017, 11, 12, 1, 30), datetime(2017, 11, 12, 6, 30)),
        # 29 October 2017, 01:30, moves to 5 November 2017, which has 01:30 twice: the first one.
        (datetime(2017, 10, 29, 5, 30), 7, datetime(2017, 11, 5, 1, 30), datetime(2017, 11, 5, 5, 30)),
        # A purchase at 18:00 in summer time stays one at 18:00 in winter time.
        (datetime(2017, 10, 31, 22, 0), 7, datetime(2017, 11, 7, 18, 0), datetime(2017, 11, 7, 23, 0)),
        # A purchase just before midnight stays on its day.
        (datetime(2017, 10, 30, 3, 59), 7, datetime(2017, 11, 5, 23, 59), datetime(2017, 11, 6, 4, 59)),
    ],
)
def test_the_change_of_clocks(utc: datetime, shift_days: int, expected_local: datetime, expected_utc: datetime) -> None:
    moved, days = shift_timestamps(pa.chunked_array([pa.array([utc], pa.timestamp("ns"))]), shift_days)

    assert moved[0].as_py() == expected_utc.replace(tzinfo=UTC)
    assert moved[0].as_py().astimezone(ZoneInfo(TIME_ZONE)).replace(tzinfo=None) == expected_local
    assert days[0].as_py() == expected_local.date()
