"""One way from tables and from requests to a model: the same values give the same arrays."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from include.errors import SourceError
from include.features.catalog import Feature
from include.features.matrix import from_rows, from_table

FEATURES = (
    Feature("maker", "categorical", "g"),
    Feature("heat", "numeric", "g"),
    Feature("is_new", "boolean", "g"),
    Feature("price", "numeric", "g"),
    Feature("count", "numeric", "g"),
    Feature("nothing", "numeric", "g"),
)
ROWS: list[dict[str, Any]] = [
    {"maker": "acme", "heat": 0.1, "is_new": True, "price": 12.34, "count": 2**40, "nothing": None},
    {"maker": None, "heat": None, "is_new": None, "price": None, "count": None, "nothing": None},
    {"maker": "", "heat": -1.5, "is_new": False, "price": 0.1, "count": 7, "nothing": None},
]


def make_table() -> pa.Table:
    """The rows as the warehouse gives them: decimals, booleans, wide integers, a column without a value."""
    price = [None if row["price"] is None else Decimal(str(row["price"])) for row in ROWS]
    return pa.table(
        {
            "maker": pa.array([row["maker"] for row in ROWS], pa.string()),
            "heat": pa.array([row["heat"] for row in ROWS], pa.float64()),
            "is_new": pa.array([row["is_new"] for row in ROWS], pa.bool_()),
            "price": pa.array(price, pa.decimal128(12, 2)),
            "count": pa.array([row["count"] for row in ROWS], pa.int64()),
            "nothing": pa.array([None] * len(ROWS), pa.float64()),
            "other": pa.array([1, 2, 3]),
        }
    )


def test_a_table_and_requests_give_the_same_matrix() -> None:
    table, rows = from_table(make_table(), FEATURES), from_rows(ROWS, FEATURES)

    assert table.names == rows.names == ("heat", "is_new", "price", "count", "nothing", "maker")
    np.testing.assert_array_equal(table.numeric, rows.numeric)
    np.testing.assert_array_equal(table.categorical, rows.categorical)
    assert table.numeric.dtype == rows.numeric.dtype == np.float32
    assert table.categorical.tolist() == [["acme"], [""], [""]]


def test_columns_are_found_selected_and_rows_taken() -> None:
    matrix = from_table(make_table(), FEATURES)

    picked = matrix.select(("price", "maker")).take(np.array([2, 0]))

    assert picked.names == ("price", "maker")
    assert picked.column("maker").tolist() == ["", "acme"]
    assert picked.column("price").tolist() == pytest.approx([0.1, 12.34])
    assert matrix.select(matrix.names) is matrix


def test_without_a_kind_there_are_no_columns() -> None:
    assert from_rows([{"maker": "a"}], FEATURES[:1]).numeric.shape == (1, 0)
    assert from_rows([{"heat": 1.0}], FEATURES[1:2]).categorical.shape == (1, 0)


@pytest.mark.parametrize("values", [pa.array(["hot", "cold", None]), pa.array([1, 2, 3], pa.timestamp("us"))])
def test_a_number_of_another_type_is_named(values: pa.Array) -> None:
    table = make_table().set_column(1, "heat", values)
    with pytest.raises(SourceError, match=r"Feature 'heat' should be a number or a boolean"):
        from_table(table, FEATURES)


def test_a_feature_that_is_gone_is_named() -> None:
    with pytest.raises(SourceError, match=r"The features heat are gone"):
        from_table(make_table().drop_columns(["heat"]), FEATURES)
    with pytest.raises(SourceError, match="smell"):
        from_table(make_table(), FEATURES).select(("smell",))
