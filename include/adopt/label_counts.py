"""Counts over rows of events what a label would say at some as-of dates; memory grows with entities, not with rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Final

from include.adopt.label_sentence import LabelSentence

if TYPE_CHECKING:
    import pyarrow as pa

DAY: Final = "day"
VALUE: Final = "value"
# Rows that wait to be put together at least: putting few together to many entities would take long.
_MIN_WAITING: Final = 1 << 18
_EPOCH: Final = date(1970, 1, 1)


@dataclass(frozen=True)
class LabelCount:
    """What a label would say at one as-of date.

    Attributes:
        entities: those that had events in the active days before.
        known: of them, those with events in the horizon; of a sum, with a value of its column there.
        least: of the label as a number, which is 0 of what is not known; None without entities.
        greatest: likewise.
    """

    as_of_date: date
    entities: int
    known: int
    least: float | None
    greatest: float | None


def count_labels(blocks: Iterable[pa.Table], dates: Sequence[date], sentence: LabelSentence) -> tuple[LabelCount, ...]:
    """Count the entities of each date, and their labels.

    Args:
        blocks: rows of events in any order: ``day`` (date32), ``value`` (float64, the column of a sum; else absent)
            and one or several key columns. Rows without a key or a day do not count.
    """
    entities = _Entities(dates, sentence)
    for block in blocks:
        entities.add(block)
    return entities.count()


@dataclass
class _Entities:
    """The entities that were seen, and by date whether each was active and what its label adds up to."""

    dates: Sequence[date]
    sentence: LabelSentence
    _whole: pa.Table | None = None
    _waiting: list[pa.Table] = field(default_factory=list)

    def add(self, block: pa.Table) -> None:
        """Take rows."""
        self._waiting.append(self._mark(block))
        if sum(part.num_rows for part in self._waiting) > max(_MIN_WAITING, self._whole.num_rows if self._whole else 0):
            self._put_together()

    def count(self) -> tuple[LabelCount, ...]:
        """What was seen."""
        self._put_together()
        return tuple(self._count(number, day) for number, day in enumerate(self.dates))

    def _count(self, number: int, day: date) -> LabelCount:
        import pyarrow.compute as pc

        if self._whole is None:
            return LabelCount(day, 0, 0, None, None)
        totals = self._whole.filter(self._whole.column(f"active_{number}")).column(f"total_{number}")
        limits = pc.min_max(totals.fill_null(0.0)).as_py()
        return LabelCount(day, len(totals), len(totals) - totals.null_count, limits["min"], limits["max"])

    def _put_together(self) -> None:
        import pyarrow as pa

        parts = [*([self._whole] if self._whole else []), *self._waiting]
        self._whole, self._waiting = (self._combine(pa.concat_tables(parts)) if parts else None), []

    def _mark(self, block: pa.Table) -> pa.Table:
        """The keys, and what a row adds to each date."""
        import pyarrow as pa
        import pyarrow.compute as pc

        keys = [name for name in block.column_names if name not in (DAY, VALUE)]
        for name in (*keys, DAY):
            block = block.filter(pc.is_valid(block.column(name)))
        day = block.column(DAY).cast(pa.int32())
        value = block.column(VALUE) if VALUE in block.column_names else pa.repeat(pa.scalar(1.0), block.num_rows)
        columns = {name: block.column(name) for name in keys}
        for number, one in enumerate(self.dates):
            begin = (one - _EPOCH).days
            columns[f"active_{number}"] = _is_within(day, begin - self.sentence.active_days, begin)
            is_after = _is_within(day, begin, begin + self.sentence.days)
            columns[f"total_{number}"] = pc.if_else(is_after, value, pa.scalar(None, pa.float64()))
        return pa.table(columns)

    def _combine(self, marked: pa.Table) -> pa.Table:
        """One row of each entity."""
        import pyarrow.compute as pc

        numbers = range(len(self.dates))
        own = {f"{what}_{number}" for what in ("active", "total") for number in numbers}
        keys = [name for name in marked.column_names if name not in own]
        known = pc.ScalarAggregateOptions(min_count=1)
        grouped = marked.group_by(keys, use_threads=False).aggregate(
            [
                *((f"active_{number}", "any") for number in numbers),
                *((f"total_{number}", "sum", known) for number in numbers),
            ]
        )
        names = {f"active_{number}_any": f"active_{number}" for number in numbers}
        names |= {f"total_{number}_sum": f"total_{number}" for number in numbers}
        renamed = grouped.rename_columns([names.get(name, name) for name in grouped.column_names])
        return renamed.select(marked.column_names)


def _is_within(days: pa.ChunkedArray, begin: int, end: int) -> pa.ChunkedArray:
    import pyarrow.compute as pc

    return pc.and_(pc.greater_equal(days, begin), pc.less(days, end))
