"""Exact decimals out of the driver's text, and what has no exact form."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest

from include.errors import WarehouseError
from include.warehouse.arrow import read_arrow
from include.warehouse.arrow_types import parse_decimals, plain_types


@pytest.mark.parametrize(
    ("texts", "kind", "values"),
    [
        (["1", "-0.5", None], pa.decimal128(38, 1), [Decimal("1.0"), Decimal("-0.5"), None]),
        (["100000000000000000000"], pa.decimal128(38, 0), [Decimal(10**20)]),
        (["0.000000000001"], pa.decimal128(38, 12), [Decimal("1E-12")]),
        ([None], pa.decimal128(38, 0), [None]),
        ([], pa.decimal128(38, 0), []),
    ],
)
def test_decimals_get_the_scale_that_they_need(
    texts: list[str | None], kind: pa.DataType, values: list[Decimal | None]
) -> None:
    parsed = parse_decimals(pa.chunked_array([pa.array(texts, pa.string())]), "price")

    assert parsed.type == kind
    assert parsed.to_pylist() == values


@pytest.mark.parametrize("number", ["'NaN'", "'Infinity'", "1" + "0" * 40, "-" + "9" * 39, f"1.{'1' * 38}"])
def test_a_number_without_exact_form_is_refused_and_its_column_named(warehouse_uri: str, number: str) -> None:
    with pytest.raises(WarehouseError, match="'price'"):
        read_arrow(warehouse_uri, f"select {number}::numeric as price")


def test_the_largest_decimal_is_read_exactly(warehouse_uri: str) -> None:
    largest = "9" * 38

    table = read_arrow(warehouse_uri, f"select {largest}::numeric as price union all select -{largest}")

    assert sorted(table["price"].to_pylist()) == [Decimal(f"-{largest}"), Decimal(largest)]


def test_plain_types_refuses_a_number_too_large_for_bigint() -> None:
    with pytest.raises(pa.ArrowInvalid):
        plain_types(pa.table({"n": pa.array([2**64 - 1], pa.uint64())}))
