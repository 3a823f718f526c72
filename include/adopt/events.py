"""Finds the column that says when a row happened, and whether each file is a day of rows or a whole copy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Final, Literal

from include.sources.conversion import find_local_days

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from include.adopt.columns import ColumnGuess

# How long after its day a row may come in files that are still days.
_MAX_LATENESS_DAYS: Final = 31
# Days from one file to the next of a daily source, weekends and a holiday left out.
_MAX_GAP_DAYS: Final = 4
_SAME_SHARE: Final = 0.9
_LEAST_SHARE: Final = 0.001


@dataclass(frozen=True)
class EventTime:
    """How the times of a column lie to the days of their files.

    Attributes:
        lateness_days: the most days from an event to its file.
        early_share: of rows after their file's day, which an audit refuses.
        same_day_share: of rows of their file's day.
    """

    column: str
    lateness_days: int
    early_share: float
    same_day_share: float

    @property
    def order(self) -> tuple[bool, int, float]:
        """The better ones first."""
        return self.early_share > 0, self.lateness_days, -self.same_day_share


@dataclass(frozen=True)
class Grain:
    """Whether files are days or copies, by which column, and what is unsure of it.

    Attributes:
        early: that rows are dated after their file's day, for which an audit refuses the file.
        questions: sentences for a person to confirm, that one included.
    """

    grain: Literal["daily", "snapshot"]
    event: EventTime | None = None
    is_complete: bool = True
    early: str | None = None
    questions: tuple[str, ...] = ()


def choose_grain(
    columns: Sequence[ColumnGuess], days: Sequence[date | None], all_days: Sequence[date], zone: str
) -> Grain:
    """``daily`` where there is a file for each day and a column whose times lie near it, else ``snapshot``.

    Args:
        days: of each file of the sample.
        all_days: of all files of the source.
    """
    gaps = [(later - earlier).days for earlier, later in pairwise(all_days)]
    events = sorted(find_event_times(columns, days, zone), key=lambda one: one.order)
    if not events or (gaps and median(gaps) > _MAX_GAP_DAYS):
        return Grain("snapshot", questions=(_explain_snapshot(bool(events), len(days)),))
    chosen = events[0]
    early = _explain_early(chosen, find_event_times(columns, days, "UTC"), zone)
    questions = [*_explain_event(chosen, events[1:], zone), *([early] if early else [])]
    if not gaps:
        questions.append("there is one file only; grain daily means one for each day, snapshot a whole copy.")
    if any(gap > 1 for gap in gaps):
        questions.append(
            f"there is no file for {sum(gap - 1 for gap in gaps)} of the days from {all_days[0]} to {all_days[-1]}; "
            "critical: false lets a run go on without one."
        )
    return Grain("daily", chosen, all(gap == 1 for gap in gaps), early, tuple(questions))


def find_event_times(columns: Sequence[ColumnGuess], days: Sequence[date | None], zone: str) -> list[EventTime]:
    """The dates and timestamps that are never null and lie near their files' days."""
    if not days or None in days:
        return []
    times = [one for one in columns if one.type in ("date", "timestamp") and not one.has_nulls]
    measured = (_measure(one, [day for day in days if day], zone) for one in times)
    return [one for one in measured if one]


def _measure(column: ColumnGuess, days: Sequence[date], zone: str) -> EventTime | None:
    import numpy as np

    lateness = np.concatenate([_count_days(column, position, day, zone) for position, day in enumerate(days)])
    if lateness.min() < -1 or lateness.max() > _MAX_LATENESS_DAYS:
        return None
    shares = float((lateness < 0).mean()), float((lateness == 0).mean())
    return EventTime(column.name, max(0, int(lateness.max())), *shares)


def _count_days(column: ColumnGuess, position: int, day: date, zone: str) -> NDArray[np.int64]:
    """Days from each event to the day of its file."""
    import numpy as np
    import pyarrow as pa

    values = column.values[position]
    values = find_local_days(values, zone) if pa.types.is_timestamp(values.type) else values
    counted = np.asarray(values.cast(pa.int32()).to_numpy(zero_copy_only=False))
    return (day - date(1970, 1, 1)).days - counted


def _explain_event(chosen: EventTime, others: Sequence[EventTime], zone: str) -> list[str]:
    questions = []
    if others:
        named = " and ".join(one.column for one in others)
        questions.append(
            f"event_column {chosen.column} says when a row happened; {named} would fit its files' days too."
        )
    if chosen.lateness_days:
        questions.append(
            f"rows come up to {chosen.lateness_days} days after the day of {chosen.column} in time_zone {zone} "
            "(allowed_lateness_days)."
        )
    return questions


def _explain_early(chosen: EventTime, in_utc: Sequence[EventTime], zone: str) -> str | None:
    """That rows are dated after their file's day, and in which zone they are not."""
    if not chosen.early_share:
        return None
    share = "less than 0.1%" if chosen.early_share < _LEAST_SHARE else f"{chosen.early_share:.1%}"
    what = (
        f"{share} of the rows have a {chosen.column} after their file's day in time_zone {zone}, and an audit refuses"
    )
    if any(one.column == chosen.column and not one.early_share for one in in_utc):
        return f"{what} such files; in UTC none has: the files are days of UTC (TIME_ZONE=UTC)."
    return f"{what} such files; have them named by the last day in them, or the moments delivered with their zone."


def _explain_snapshot(has_event: bool, count: int) -> str:
    reason = (
        "days lie between the files" if has_event else "no date or timestamp without nulls lies near the files' days"
    )
    return f"{'each file is' if count != 1 else 'the file is'} a whole copy of all rows (grain snapshot), for {reason}."


def are_copies(columns: Sequence[ColumnGuess]) -> bool:
    """Whether each file names nearly the same values of these columns as the one before: it may be a whole copy."""
    count = len(columns[0].values) if columns else 0
    pairs = [{*zip(*(one.values[position].to_pylist() for one in columns), strict=True)} for position in range(count)]
    both = [(before, after) for before, after in pairwise(pairs)]
    return bool(both) and all(
        len(before & after) >= _SAME_SHARE * max(len(before), len(after)) for before, after in both
    )
