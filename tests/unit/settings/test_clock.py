"""Which day it is."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from include.errors import SettingsError
from include.settings.clock import TODAY_VARIABLE, read_today

NEW_YORK = "America/New_York"


@pytest.fixture(autouse=True)
def _by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TODAY_VARIABLE, raising=False)


@pytest.mark.parametrize(
    ("utc", "expected"),
    [
        (datetime(2026, 3, 10, 3, 59), date(2026, 3, 9)),  # summer time: four hours behind
        (datetime(2026, 3, 10, 4, 0), date(2026, 3, 10)),
        (datetime(2026, 3, 8, 4, 59), date(2026, 3, 7)),  # the night of the change: five hours behind
        (datetime(2026, 3, 8, 5, 0), date(2026, 3, 8)),
        (datetime(2026, 11, 1, 3, 59), date(2026, 10, 31)),
        (datetime(2026, 11, 1, 4, 0), date(2026, 11, 1)),
        (datetime(2026, 11, 2, 4, 59), date(2026, 11, 1)),
        (datetime(2026, 11, 2, 5, 0), date(2026, 11, 2)),
        (datetime(2028, 3, 1, 4, 59), date(2028, 2, 29)),
        (datetime(2027, 1, 1, 4, 59), date(2026, 12, 31)),
    ],
)
def test_a_moment_is_on_the_day_of_the_zone(utc: datetime, expected: date) -> None:
    assert read_today(NEW_YORK, utc.replace(tzinfo=UTC)) == expected


def test_without_a_moment_it_is_the_clock() -> None:
    before = datetime.now(ZoneInfo(NEW_YORK)).date()
    today = read_today(NEW_YORK)

    assert before <= today <= before + timedelta(days=1)


def test_the_variable_wins_over_clock_and_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TODAY_VARIABLE, "2028-02-29")

    assert read_today(NEW_YORK) == date(2028, 2, 29)
    assert read_today("Asia/Tokyo", datetime(2026, 3, 10, tzinfo=UTC)) == date(2028, 2, 29)


@pytest.mark.parametrize("text", ["today", "2026-02-30", "09.03.2026"])
def test_a_variable_that_is_no_day_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(TODAY_VARIABLE, text)

    with pytest.raises(SettingsError, match=TODAY_VARIABLE):
        read_today(NEW_YORK)
