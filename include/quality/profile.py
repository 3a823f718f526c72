"""Statistics of each column of a batch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pandas as pd

QUANTILES: Final = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
TOP: Final = 10
_BINS: Final = 20


@dataclass(frozen=True)
class ColumnProfile:
    """One column of one batch. Extremes are text; mean and quantiles exist for numbers only.

    A statistic that is no finite number, such as the mean of numbers whose sum is none, is left out.

    Attributes:
        histogram: ``low`` and ``high`` as text, and ``counts``, the rows in bins of equal width between them; for
            numbers and moments.
        data_type: as the source declares it.
    """

    column_name: str
    row_count: int
    null_count: int
    distinct_count: int
    minimum: str | None
    maximum: str | None
    mean: float | None
    standard_deviation: float | None
    quantiles: dict[str, float] | None
    top_values: dict[str, int] | None
    histogram: dict[str, Any] | None = None
    data_type: str | None = None


def profile_frame(frame: pd.DataFrame, columns: Mapping[str, str | None]) -> list[ColumnProfile]:
    """Profile the named columns that the frame has, in their order; ``columns`` are their declared types by name."""
    return [
        replace(profile_column(name, frame[name]), data_type=data_type)
        for name, data_type in columns.items()
        if name in frame
    ]


def profile_column(name: str, values: pd.Series[Any]) -> ColumnProfile:
    """Profile one column: numbers get mean, standard deviation, quantiles, a histogram; text its top values."""
    from pandas.api.types import is_datetime64_dtype, is_numeric_dtype, is_string_dtype

    known = values.dropna()
    is_number = is_numeric_dtype(values.dtype) and len(known) > 0
    is_text = is_string_dtype(values.dtype) and len(known) > 0
    quantiles: dict[Any, Any] = known.quantile(list(QUANTILES)).to_dict() if is_number else {}
    top: dict[Any, Any] = _count_most_frequent(known) if is_text else {}
    return ColumnProfile(
        column_name=name,
        row_count=len(values),
        null_count=len(values) - len(known),
        distinct_count=int(known.nunique()),
        minimum=str(known.min()) if len(known) else None,
        maximum=str(known.max()) if len(known) else None,
        mean=keep_finite(known.mean()) if is_number else None,
        standard_deviation=keep_finite(known.std(ddof=0)) if is_number else None,
        quantiles={f"{share:g}": float(value) for share, value in quantiles.items() if math.isfinite(value)} or None,
        top_values={str(value): int(count) for value, count in top.items()} or None,
        histogram=count_bins(known) if is_number or is_datetime64_dtype(values.dtype) else None,
    )


def count_bins(known: pd.Series[Any]) -> dict[str, Any] | None:
    """The histogram of known numbers or moments; none of nothing, or where a value or the range is not finite."""
    if not len(known):
        return None
    numbers = to_numbers(known)
    limits = find_range(numbers)
    if limits is None:
        return None
    return {"low": str(known.min()), "high": str(known.max()), "counts": bin_numbers(numbers, *limits).tolist()}


def to_numbers(known: pd.Series[Any]) -> Any:
    """Numbers as they are, moments as microseconds, as a numpy array."""
    import numpy as np

    numbers = known.to_numpy()
    return numbers.astype("datetime64[us]").astype(np.int64) if numbers.dtype.kind == "M" else numbers


def find_range(numbers: Any) -> tuple[float, float] | None:
    """The least and the greatest number; None where one of them or their distance is not finite."""
    low, high = float(numbers.min()), float(numbers.max())
    return (low, high) if math.isfinite(high - low) else None


def bin_numbers(numbers: Any, low: float, high: float, weights: Any = None) -> Any:
    """How many numbers are in each bin, as a numpy array; one bin where all are the same.

    Args:
        weights: how often each number occurs; None: once.
    """
    import numpy as np

    if low == high:
        return np.array([len(numbers) if weights is None else weights.sum()])
    return np.histogram(numbers, bins=_BINS, range=(low, high), weights=weights)[0]


def _count_most_frequent(known: pd.Series[Any]) -> dict[Any, Any]:
    """The most frequent values, of equally frequent ones those that occur first."""
    counts = known.value_counts(sort=False).sort_values(ascending=False, kind="stable")
    return counts.head(TOP).to_dict()


def keep_finite(value: float) -> float | None:
    """The value as a float; None where it is NaN or infinite."""
    return float(value) if math.isfinite(value) else None
