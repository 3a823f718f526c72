"""Late sources are found, punctual ones are left alone."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from include.settings.sources import SourceSettings
from include.sources.freshness import check_freshness, judge_freshness

ZONE = "America/New_York"


@pytest.mark.parametrize(
    ("now", "is_fresh"),
    [
        (datetime(2026, 3, 10, 4, 0, tzinfo=UTC), True),  # midnight in New York: the day has just ended
        (datetime(2026, 3, 11, 4, 0, tzinfo=UTC), True),  # 24 hours later
        (datetime(2026, 3, 11, 4, 1, tzinfo=UTC), False),
    ],
)
def test_a_source_is_fresh_for_its_hours_after_its_newest_day_has_ended(now: datetime, is_fresh: bool) -> None:
    health = judge_freshness("sales", date(2026, 3, 9), now, ZONE, 24, is_critical=True)

    assert health.is_fresh is is_fresh
    assert "2026-03-09" in health.reason


def test_hours_are_real_hours_on_the_day_the_clocks_change() -> None:
    # 8 March 2026 has 23 hours in New York: it ends at 04:00 UTC, the day before it at 05:00 UTC.
    health = judge_freshness("sales", date(2026, 3, 7), datetime(2026, 3, 9, 4, tzinfo=UTC), ZONE, 24, is_critical=True)

    assert health.age_hours == pytest.approx(23)


def test_a_source_that_never_delivered_is_late(settings: SourceSettings, tmp_path: Path) -> None:
    (tmp_path / "sales").mkdir()
    (tmp_path / "sales" / "2026-03-09.parquet").touch()

    sales, visits = check_freshness(settings, tmp_path, datetime(2026, 3, 10, 9, tzinfo=UTC))

    assert (sales.source, sales.is_fresh, sales.is_critical) == ("sales", True, True)
    assert (visits.source, visits.is_fresh, visits.is_critical) == ("visits", False, False)
    assert "nothing" in visits.reason
