"""Statistics of a column that are added up over chunks of a batch, in memory that does not grow with its rows.

They are those of :func:`include.quality.profile.profile_column`. Values are counted while there are few different ones;
of a column with more, who has the rows is asked for what needs them in order (:class:`ExactStatistics`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from include.quality.profile import QUANTILES, TOP, ColumnProfile, bin_numbers, find_range, keep_finite, to_numbers

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_NUMBERS: Final = ("int64", "float64")


@dataclass(frozen=True)
class ExactStatistics:
    """What has to be asked for about a column with many different values.

    Attributes:
        distinct_count: None where all known values are different.
        quantiles: of numbers, for the shares of :data:`include.quality.profile.QUANTILES`; empty for others.
        top_values: of text, the most frequent ones, of equally frequent ones the first; empty for others.
        read_values: the column again, chunk after chunk.
    """

    distinct_count: int | None
    quantiles: Sequence[float]
    top_values: Mapping[str, int]
    read_values: Callable[[], Iterator[pd.Series[Any]]]


class ColumnStatistics:
    """One column of a batch that comes in chunks.

    Args:
        data_type: as the source declares it.
        most_values: different values that are counted at most.
    """

    def __init__(self, name: str, data_type: str, most_values: int) -> None:
        self.name = name
        self.row_count = self.null_count = 0
        self._data_type = data_type
        self._most_values = most_values
        self._low: Any = None
        self._high: Any = None
        self._sum = self._mean = self._squares = 0.0
        self._counts: pa.Table | None = None
        self._waiting: list[pa.Table] = []
        self._has_too_many = False

    @property
    def known_count(self) -> int:
        """Values that are not null."""
        return self.row_count - self.null_count

    @property
    def mean(self) -> float | None:
        """The mean of numbers; None of nothing, and of what is no number."""
        return self._sum / self.known_count if self._data_type in _NUMBERS and self.known_count else None

    def add(self, values: pd.Series[Any]) -> None:
        """Add the next chunk."""
        known = values.dropna()
        before = self.known_count
        self.row_count += len(values)
        self.null_count += len(values) - len(known)
        if not len(known):
            return
        low, high = known.min(), known.max()
        self._low = low if before == 0 else min(self._low, low)
        self._high = high if before == 0 else max(self._high, high)
        if self._data_type in _NUMBERS:
            self._add_moments(known, before)
        if not self._has_too_many:
            self._count_values(known)

    def finish(self, ask: Callable[[str], ExactStatistics]) -> ColumnProfile:
        """The profile of all chunks.

        Args:
            ask: called with the column's name where too many values are different to be counted.
        """
        self._put_together()
        exact = ask(self.name) if self._has_too_many else None
        low, high = self._low, self._high
        if self._data_type == "int64" and self.null_count and self.known_count:
            low, high = float(low), float(high)  # as pandas holds numbers of a column that has nulls
        is_number = self._data_type in _NUMBERS and self.known_count > 0
        mean, deviation = (self.mean, self._deviation) if is_number else (None, None)
        return ColumnProfile(
            column_name=self.name,
            row_count=self.row_count,
            null_count=self.null_count,
            distinct_count=self._count_distinct(exact),
            minimum=str(low) if self.known_count else None,
            maximum=str(high) if self.known_count else None,
            mean=None if mean is None else keep_finite(mean),
            standard_deviation=None if deviation is None else keep_finite(deviation),
            quantiles=self._find_quantiles(exact) if is_number else None,
            top_values=self._find_top(exact) if self._data_type == "string" else None,
            histogram=None if self._data_type == "string" else self._count_bins(exact, low, high),
            data_type=self._data_type,
        )

    def _count_distinct(self, exact: ExactStatistics | None = None) -> int:
        if exact is not None:
            return self.known_count if exact.distinct_count is None else exact.distinct_count
        return 0 if self._counts is None else int(self._counts.num_rows)

    @property
    def _deviation(self) -> float:
        return float((self._squares / self.known_count) ** 0.5)

    def _add_moments(self, known: pd.Series[Any], before: int) -> None:
        """Sum and squares of the differences to the mean (Chan, Golub, LeVeque 1979)."""
        import numpy as np

        numbers = known.to_numpy(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            total = float(numbers.sum())
            mean = total / len(numbers)
            squares = float(((numbers - mean) ** 2).sum())
            after, shift = before + len(numbers), np.float64(mean) - self._mean
            self._squares += squares + float(shift * shift) * before * len(numbers) / after
            self._sum += total
            self._mean = self._sum / after

    def _count_values(self, known: pd.Series[Any]) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        is_text = self._data_type == "string"
        # Without the sign of zero, which is no other value.
        values = pa.array(known if is_text else to_numbers(known) + 0)
        counted = pc.value_counts(values)
        self._waiting.append(pa.table({"value": counted.field("values"), "count": counted.field("counts")}))
        if sum(part.num_rows for part in self._waiting) > self._most_values:
            self._put_together()

    def _put_together(self) -> None:
        """Add up what is counted chunk by chunk; seldom, as it takes as long for few values as for many."""
        import pyarrow as pa

        parts, self._waiting = [*([] if self._counts is None else [self._counts]), *self._waiting], []
        if len(parts) > 1:
            # A column of whole numbers is one of floats in chunks that have nulls.
            both = pa.concat_tables(parts, promote_options="permissive")
            # By one thread, the values stay in the order of their first occurrence.
            sums = both.group_by("value", use_threads=False).aggregate([("count", "sum")])
            parts = [sums.rename_columns(["value", "count"])]
        self._counts = parts[0] if parts else None
        if self._counts is not None and self._counts.num_rows > self._most_values:
            self._has_too_many, self._counts = True, None

    def _read_counts(self) -> tuple[Any, Any]:
        """Values in the order of their first occurrence, and how often they occur."""
        import pyarrow as pa

        counts = self._counts if self._counts is not None else pa.table({"value": [], "count": []})
        return counts.column("value").to_numpy(), counts.column("count").to_numpy()

    def _find_quantiles(self, exact: ExactStatistics | None) -> dict[str, float] | None:
        found = exact.quantiles if exact else weigh_quantiles(*self._read_counts(), QUANTILES)
        pairs = zip(QUANTILES, found, strict=True)
        return {f"{share:g}": value for share, value in pairs if keep_finite(value) is not None} or None

    def _find_top(self, exact: ExactStatistics | None) -> dict[str, int] | None:
        import numpy as np

        if exact:
            return dict(exact.top_values) or None
        if self._counts is None:
            return None
        values, counts = self._read_counts()
        first = np.argsort(-counts, kind="stable")[:TOP]
        return {str(values[place]): int(counts[place]) for place in first}

    def _count_bins(self, exact: ExactStatistics | None, low: Any, high: Any) -> dict[str, Any] | None:
        import numpy as np
        import pandas as pd

        if not self.known_count:
            return None
        limits = find_range(to_numbers(pd.Series([self._low, self._high])))
        if limits is None:
            return None
        if exact:
            chunks = (to_numbers(values.dropna()) for values in exact.read_values())
            counts = np.sum([bin_numbers(numbers, *limits) for numbers in chunks], axis=0)
        else:
            values, weights = self._read_counts()
            counts = bin_numbers(values, *limits, weights)
        return {"low": str(low), "high": str(high), "counts": [int(count) for count in counts]}


def weigh_quantiles(values: Any, counts: Any, shares: Sequence[float]) -> list[float]:
    """Quantiles of values that occur so often, between two of them linearly, as numpy and pandas compute them."""
    import numpy as np

    order = np.argsort(values, kind="stable")
    values, ends = values[order].astype(np.float64), np.cumsum(counts[order])
    last = int(ends[-1]) - 1
    found = []
    for share in shares:
        floor, part = divmod(share * last, 1)
        ranks = (floor, min(floor + 1, last))
        low, high = (values[np.searchsorted(ends, rank, side="right")] for rank in ranks)
        with np.errstate(over="ignore", invalid="ignore"):
            found.append(float(high - (high - low) * (1 - part) if part >= 0.5 else low + (high - low) * part))
    return found
