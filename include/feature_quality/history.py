"""What was published of a feature group before a date: the measure of what comes next."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from datetime import date
from typing import TypeVar

from include.feature_quality.profile import FeatureProfile
from include.settings.features import ValidationSettings

T = TypeVar("T")


class History:
    """The published profiles before a date, by feature."""

    def __init__(self, profiles: Sequence[FeatureProfile], settings: ValidationSettings) -> None:
        self._settings = settings
        self._profiles: dict[str, list[FeatureProfile]] = {}
        self._rows: dict[date, int] = {}
        for profile in profiles:
            self._profiles.setdefault(profile.feature, []).append(profile)
            self._rows[profile.as_of_date] = profile.row_count

    def before(self, feature: str, as_of_date: date) -> list[FeatureProfile]:
        """The last profiles of a feature before a date; none where they are too few to learn from."""
        own = self._profiles.get(feature, [])
        end = bisect_left(own, as_of_date, key=lambda profile: profile.as_of_date)
        return self._take(own[:end])

    def rows_before(self, as_of_date: date) -> list[int]:
        """Rows of the last dates before a date."""
        return self._take([count for day, count in sorted(self._rows.items()) if day < as_of_date])

    def _take(self, earlier: list[T]) -> list[T]:
        if len(earlier) < self._settings.min_history_dates:
            return []
        return earlier[-self._settings.history_dates :]


def widen(low: float, high: float, tolerance: float) -> tuple[float, float]:
    """A range widened on both sides by ``tolerance`` times its width, or its greater end where that is more."""
    width = max(high - low, abs(low), abs(high))
    return low - tolerance * width, high + tolerance * width
