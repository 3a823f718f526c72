"""Which days a run loads."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from include.errors import SettingsError
from include.orchestration.window import resolve_window

NEW_YORK = "America/New_York"
RUN_AFTER = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)  # still the evening of the 9th in New York


def test_without_days_it_is_the_last_whole_day_of_the_shop() -> None:
    assert resolve_window(None, None, RUN_AFTER, NEW_YORK) == (date(2026, 3, 8), date(2026, 3, 8))


def test_given_days_win() -> None:
    window = resolve_window("2026-01-01", "2026-01-31", RUN_AFTER, NEW_YORK)
    assert window == (date(2026, 1, 1), date(2026, 1, 31))


def test_one_given_day_is_a_window_of_one_day() -> None:
    assert resolve_window("2026-01-05", None, RUN_AFTER, NEW_YORK) == (date(2026, 1, 5), date(2026, 1, 5))
    assert resolve_window(None, "2026-01-05", RUN_AFTER, NEW_YORK) == (date(2026, 1, 5), date(2026, 1, 5))


def test_a_window_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(SettingsError, match="to_day 2026-01-01 is before from_day 2026-01-02"):
        resolve_window("2026-01-02", "2026-01-01", RUN_AFTER, NEW_YORK)
