"""The rows of a dbt unit test of windows of days, and what is expected of them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

AS_OF_DATE: Final = date(2024, 6, 1)


def count_back(days: int) -> date:
    """So many days before the as-of date of the test."""
    return AS_OF_DATE - timedelta(days=days)


@dataclass(frozen=True)
class WindowExample:
    """What happened to a few entities before an as-of date.

    Attributes:
        windows: the days of each, ascending; two at least.
    """

    windows: Sequence[int]

    @property
    def active_days(self) -> int:
        """The active window of the test."""
        return self.windows[-2]

    @property
    def entities(self) -> dict[int, dict[int, int]]:
        """How much happened so many days ago, by the number of an entity.

        The first one has events on the as-of date, the day before, and on the first day of each window and the day
        before it; the second a day before the active window; the third on its first day; the fourth before all windows.
        """
        edges = [1, *itertools.chain.from_iterable((days, days + 1) for days in self.windows)]
        return {
            1: {0: 1000} | {day: 2**number for number, day in enumerate(edges)},
            2: {self.active_days + 1: 1},
            3: {self.active_days: 1},
            4: {self.windows[-1] + 1: 1},
        }

    def list_rows(self) -> list[tuple[int, date, int]]:
        """The number of an entity, a day, and how much happened on it."""
        return [
            (entity, count_back(ago), amount)
            for entity, events in self.entities.items()
            for ago, amount in events.items()
        ]

    def expect(self, entity: int, source: str, prefix: str, number: str | None) -> dict[str, float | str]:
        """The features of an entity, by name.

        Args:
            prefix: before the names of features.
            number: a column whose values are the amounts; None: there is none.
        """
        past = {ago: amount for ago, amount in self.entities[entity].items() if 1 <= ago <= self.windows[-1]}
        expected: dict[str, float | str] = {f"{prefix}recency_days": min(past)}
        sums = {days: sum(amount for ago, amount in past.items() if ago <= days) for days in self.windows}
        active = {days: sum(ago <= days for ago in past) for days in self.windows}
        expected |= {f"{source}_{days}d": total for days, total in sums.items()}
        expected |= {f"{prefix}active_days_{days}d": count for days, count in active.items()}
        if self.windows[-1] >= 2 * 28:
            expected[f"{source}_previous_28d"] = sum(amount for ago, amount in past.items() if 28 < ago <= 56)
        if number:
            expected[f"{prefix}{number}_sum_{self.active_days}d"] = sums[self.active_days]
            expected[f"{prefix}{number}_mean_28d"] = sums[28] / active[28] if active[28] else "null"
        return expected
