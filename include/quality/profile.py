"""Statistics of each column of a batch."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pandas as pd

_QUANTILES: Final = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_TOP: Final = 10


@dataclass(frozen=True)
class ColumnProfile:
    """One column of one batch. Extremes are text; mean and quantiles exist for numbers only.

    A statistic that is no finite number, such as the mean of numbers whose sum is none, is left out.
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


def profile_frame(frame: pd.DataFrame, columns: Iterable[str]) -> list[ColumnProfile]:
    """Profile the named columns, in their order."""
    return [profile_column(name, frame[name]) for name in columns]


def profile_column(name: str, values: pd.Series[Any]) -> ColumnProfile:
    """Profile one column: numbers get mean, standard deviation and quantiles, text its top values."""
    from pandas.api.types import is_numeric_dtype, is_object_dtype

    known = values.dropna()
    is_number = is_numeric_dtype(values.dtype) and len(known) > 0
    is_text = is_object_dtype(values.dtype) and len(known) > 0
    quantiles: dict[Any, Any] = known.quantile(list(_QUANTILES)).to_dict() if is_number else {}
    top: dict[Any, Any] = known.value_counts().head(_TOP).to_dict() if is_text else {}
    return ColumnProfile(
        column_name=name,
        row_count=len(values),
        null_count=len(values) - len(known),
        distinct_count=int(known.nunique()),
        minimum=str(known.min()) if len(known) else None,
        maximum=str(known.max()) if len(known) else None,
        mean=_keep_finite(known.mean()) if is_number else None,
        standard_deviation=_keep_finite(known.std(ddof=0)) if is_number else None,
        quantiles={f"{share:g}": float(value) for share, value in quantiles.items() if math.isfinite(value)} or None,
        top_values={str(value): int(count) for value, count in top.items()} or None,
    )


def _keep_finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
