"""The features that are made of a source's events, in the order of their columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from include.adopt.event_columns import EventColumns

WINDOWS: Final = (7, 28, 56, 84)
HISTORY_DAYS: Final = WINDOWS[-1]
"""What features look back at."""


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


def list_features(source: str, columns: EventColumns) -> tuple[EventFeature, ...]:
    """The features of a group."""
    return (*_list_windows(source, columns), *_list_rhythm(source.replace("_", " ")), *_list_variety(columns))


def _list_windows(source: str, columns: EventColumns) -> Iterator[EventFeature]:
    events = source.replace("_", " ")
    yield EventFeature("recency_days", f"Days since the last day with {events}; 1 is yesterday.", "windows", "basic")
    for days in WINDOWS:
        yield EventFeature(f"{source}_{days}d", f"Number of {events} in the last {days} days.", "windows", "basic")
        yield EventFeature(f"active_days_{days}d", f"Days with {events} among the last {days}.", "windows", "basic")
        for column in columns.numbers:
            name = column.name
            text = f"Sum of {name} over the last {days} days, as far as it is known."
            yield EventFeature(f"{name}_sum_{days}d", text, "windows", "basic")
            text = f"Mean of {name} over the last {days} days; null where none is known."
            yield EventFeature(f"{name}_mean_{days}d", text, "windows", "advanced", is_required=False)
    yield EventFeature(f"{source}_previous_28d", f"Number of {events} in the 28 days before the last 28.", "windows")
    text = f"Least-squares slope of {events} over the four weeks of the last 28 days, per week and week."
    yield EventFeature(f"{source}_trend_28d", text, "windows")


def _list_rhythm(events: str) -> Iterator[EventFeature]:
    days = f"days with {events}"
    text = f"Mean days between one of the {days} and the next; null with one such day."
    yield EventFeature("gap_mean_days", text, "rhythm", is_required=False)
    text = f"Sample standard deviation of the gaps between {days}; null with fewer than two gaps."
    yield EventFeature("gap_std_days", text, "rhythm", is_required=False)
    text = "recency_days divided by gap_mean_days: above 1, the next one is later than usual; null without a gap."
    yield EventFeature("recency_to_gap", text, "rhythm", is_required=False)
    yield EventFeature("weekend_share", f"Share of the {days} that fall on Saturday or Sunday.", "rhythm")
    text = f"Days since the first of the {days} within the history that is looked at; nothing is known before it."
    yield EventFeature("tenure_days", text, "rhythm")


def _list_variety(columns: EventColumns) -> Iterator[EventFeature]:
    for column in columns.varied:
        name = column.name
        yield EventFeature(f"{name}_distinct_84d", f"Different values of {name} in the last 84 days.", "variety")
        if column.is_category:
            text = f"The most frequent {name} of the last 84 days; null where none is known."
            yield EventFeature(f"{name}_most_frequent_84d", text, "variety", is_required=False, data_type="text")
