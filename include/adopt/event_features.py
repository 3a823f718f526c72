"""The features that are made of a source's events, in the order of their columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from include.adopt.event_columns import EventColumns
from include.adopt.sql_layout import name_expression

_WINDOWS: Final = (7, 28, 56, 84)
LOOKBACKS: Final = tuple(reversed(_WINDOWS[1:]))
"""The longest windows that features may have, the best one first."""
DAILY_DAYS: Final = 28
"""So many of the newest as-of dates of a first build are daily; those before are Mondays."""


@dataclass(frozen=True)
class EventFeature:
    """A column of the feature group.

    Attributes:
        part: the model that makes it.
        set: the feature set that it belongs to.
        is_required: whether it is never null.
    """

    name: str
    description: str
    part: Literal["windows", "rhythm", "variety"]
    set: Literal["basic", "advanced"] = "advanced"
    is_required: bool = True
    data_type: str = "double precision"

    def select(self, table: str) -> str:
        """Its SQL under its name, out of a table that may have no row of an entity."""
        column = f"{table}.{self.name}"
        if self.data_type == "text":
            return column
        known = f"coalesce({column}, 0)" if self.is_required else column
        return name_expression(f"{known}::{self.data_type}", self.name)


def list_windows(lookback_days: int) -> list[int]:
    """The days of each window, ascending."""
    return [days for days in _WINDOWS if days <= lookback_days]


def list_features(
    source: str, columns: EventColumns, prefix: str = "", lookback_days: int = LOOKBACKS[0]
) -> tuple[EventFeature, ...]:
    """The features of a group that are made of one source.

    Args:
        lookback_days: the longest window, one of :data:`LOOKBACKS`.
        prefix: before the names of features of a further source, of which an entity may have no events; empty for the
            source whose events decide which entities there are.
    """
    return (
        *_list_windows(source, columns, prefix, lookback_days), *_list_rhythm(source.replace("_", " "), prefix),
        *_list_variety(columns, prefix, lookback_days),
    )  # fmt: skip


def _list_windows(source: str, columns: EventColumns, prefix: str, lookback_days: int) -> Iterator[EventFeature]:
    events, nothing = source.replace("_", " "), ""
    if prefix:
        nothing = f"; null without {events} in the last {lookback_days} days"
    text = f"Days since the last day with {events}; 1 is yesterday{nothing}."
    yield EventFeature(f"{prefix}recency_days", text, "windows", "basic", is_required=not prefix)
    for days in list_windows(lookback_days):
        yield EventFeature(f"{source}_{days}d", f"Number of {events} in the last {days} days.", "windows", "basic")
        text = f"Days with {events} among the last {days}."
        yield EventFeature(f"{prefix}active_days_{days}d", text, "windows", "basic")
        for column in columns.numbers:
            name = column.name
            text = f"Sum of {name} over the last {days} days, as far as it is known."
            yield EventFeature(f"{prefix}{name}_sum_{days}d", text, "windows", "basic")
            text = f"Mean of {name} over the last {days} days; null where none is known."
            yield EventFeature(f"{prefix}{name}_mean_{days}d", text, "windows", is_required=False)
    if lookback_days >= 2 * 28:
        text = f"Number of {events} in the 28 days before the last 28."
        yield EventFeature(f"{source}_previous_28d", text, "windows")
    text = f"Least-squares slope of {events} over the four weeks of the last 28 days, per week and week."
    yield EventFeature(f"{source}_trend_28d", text, "windows")


def _list_rhythm(events: str, prefix: str) -> Iterator[EventFeature]:
    days, history = f"days with {events}", "the history that is looked at"
    nothing = f"; null without {events} in {history}" if prefix else ""
    text = f"Mean days between one of the {days} and the next; null with one such day or none."
    yield EventFeature(f"{prefix}gap_mean_days", text, "rhythm", is_required=False)
    text = f"Sample standard deviation of the gaps between {days}; null with fewer than two gaps."
    yield EventFeature(f"{prefix}gap_std_days", text, "rhythm", is_required=False)
    text = (
        f"Days since the last of the {days} divided by {prefix}gap_mean_days: above 1, the next one is later than "
        "usual; null without a gap."
    )
    yield EventFeature(f"{prefix}recency_to_gap", text, "rhythm", is_required=False)
    text = f"Share of the {days} that fall on Saturday or Sunday{nothing}."
    yield EventFeature(f"{prefix}weekend_share", text, "rhythm", is_required=not prefix)
    text = f"Days since the first of the {days} within {history}; nothing is known before it{nothing}."
    yield EventFeature(f"{prefix}tenure_days", text, "rhythm", is_required=not prefix)


def _list_variety(columns: EventColumns, prefix: str, lookback_days: int) -> Iterator[EventFeature]:
    for column in columns.varied:
        name = column.name
        text = f"Different values of {name} in the last {lookback_days} days."
        yield EventFeature(f"{prefix}{name}_distinct_{lookback_days}d", text, "variety")
        if column.is_category:
            text = f"The most frequent {name} of the last {lookback_days} days; null where none is known."
            feature = f"{prefix}{name}_most_frequent_{lookback_days}d"
            yield EventFeature(feature, text, "variety", is_required=False, data_type="text")
