"""Customers and their features at given as-of dates, as a model takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from include.errors import SourceError
from include.warehouse.arrow import read_arrow

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa


@dataclass(frozen=True)
class Customers:
    """Rows of ``features.customer_features``; all of one length, row by row.

    Attributes:
        features: float64 [n, n_features], NaN where missing.
    """

    as_of_dates: list[date]
    household_ids: list[int]
    features: npt.NDArray[np.float64]


def read_customers(uri: str, as_of_dates: Sequence[date], feature_names: Sequence[str]) -> Customers:
    """Every customer at each of the as-of dates (at least one), with the features in the order given.

    Raises:
        SourceError: the table lost a feature that is asked for.
    """
    # Dates hold no quotes, and the Arrow driver takes no parameters here.
    wanted = ", ".join(f"'{day.isoformat()}'" for day in as_of_dates)
    table = read_arrow(uri, f"select * from features.customer_features where as_of_date in ({wanted})")
    gone = [name for name in feature_names if name not in table.column_names]
    if gone:
        raise SourceError(
            f"features.customer_features has lost {', '.join(gone)}, which the champion was trained on. "
            "Restore them in dbt/models/marts, or train and promote a model without them."
        )
    return Customers(
        as_of_dates=table.column("as_of_date").to_pylist(),
        household_ids=table.column("household_id").to_pylist(),
        features=to_matrix(table, feature_names),
    )


def to_matrix(table: pa.Table, names: Sequence[str]) -> npt.NDArray[np.float64]:
    """Columns of numbers or booleans as float64 [n, columns], NaN where null."""
    import numpy as np
    import pyarrow as pa

    columns = [table.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False) for name in names]
    return np.column_stack(columns).astype(np.float64, copy=False)
