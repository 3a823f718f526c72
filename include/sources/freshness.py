"""Which sources are late: the decision behind the freshness sensor and the health check."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from include.settings.sources import SourceSettings
from include.sources.deliveries import find_delivered_days


@dataclass(frozen=True)
class SourceHealth:
    """Whether a source has delivered in time."""

    source: str
    is_fresh: bool
    is_critical: bool
    newest_day: date | None
    age_hours: float | None
    limit_hours: float
    reason: str


def check_freshness(settings: SourceSettings, root: Path, now: datetime) -> list[SourceHealth]:
    """Look at every source's newest file.

    Args:
        now: with a time zone.
    """
    results = []
    for name, source in settings.sources.items():
        newest = max(find_delivered_days(source, root), default=None)
        results.append(
            judge_freshness(name, newest, now, settings.time_zone, source.freshness_hours, is_critical=source.critical)
        )
    return results


def judge_freshness(
    name: str, newest_day: date | None, now: datetime, time_zone: str, limit_hours: float, *, is_critical: bool
) -> SourceHealth:
    """A source is fresh while its newest delivery's day ended at most ``limit_hours`` ago."""
    if newest_day is None:
        reason = f"{name} has delivered nothing yet"
        return SourceHealth(name, False, is_critical, None, None, limit_hours, reason)
    ended_at = datetime.combine(newest_day + timedelta(days=1), time.min, ZoneInfo(time_zone))
    age_hours = (now - ended_at.astimezone(UTC)).total_seconds() / 3600
    is_fresh = age_hours <= limit_hours
    reason = (
        f"{name}: the day of its newest delivery, {newest_day}, ended {age_hours:.1f} hours ago; "
        f"{limit_hours:g} are allowed"
    )
    return SourceHealth(name, is_fresh, is_critical, newest_day, age_hours, limit_hours, reason)
