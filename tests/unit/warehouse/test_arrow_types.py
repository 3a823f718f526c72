"""Exact decimals out of the driver's text, and what has no exact form."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest

from include.errors import WarehouseError
from include.warehouse.arrow import read_arrow, read_scaled, read_table
from include.warehouse.arrow_types import parse_decimals, plain_types
from include.warehouse.names import parse_table
from include.warehouse.session import open_session


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


def test_declared_decimals_of_a_table_are_read_exactly_at_their_bounds(warehouse_uri: str) -> None:
    columns = {'"say ""n"""': (5, 0), "price": (12, 2), "most": (18, 18), "long": (19, 4), "longest": (38, 10)}
    texts = [f"{'9' * (precision - scale) or '0'}.{'9' * scale}".rstrip(".") for precision, scale in columns.values()]
    with open_session(warehouse_uri) as session:
        declared = ", ".join(f"{name} numeric({precision}, {scale})" for name, (precision, scale) in columns.items())
        session.execute(f"create table ml.t ({declared})")
        for row in (texts, [f"-{text}" for text in texts], ["0"] * len(texts), ["null"] * len(texts)):
            session.execute(f"insert into ml.t values ({', '.join(row)})")

    table = read_scaled(warehouse_uri, parse_table("ml.t"))

    assert read_table(warehouse_uri, "ml.t").equals(table)
    assert table.schema.types == [pa.decimal128(*shape) for shape in columns.values()]
    assert table.column_names == ['say "n"', "price", "most", "long", "longest"]
    for column, text in zip(table.columns, texts, strict=True):
        assert column.to_pylist() == [Decimal(text), Decimal(f"-{text}"), Decimal(0), None]


def test_nan_in_a_declared_column_is_refused_and_the_column_named(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        session.execute("create table ml.t as select 1.5::numeric(12, 2) as cost, 'NaN'::numeric(12, 2) as price")

    with pytest.raises(WarehouseError, match="'price'"):
        read_table(warehouse_uri, "ml.t")


def test_what_the_database_refuses_is_not_asked_for_again(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        session.execute("create sequence ml.asked")
        session.execute(
            "create function ml.count_and_fail() returns bigint language plpgsql as $$ begin "
            "perform nextval('ml.asked'); return 1 / 0; end $$"
        )
        session.execute("create view ml.t as select 1.5::numeric(12, 2) as price, ml.count_and_fail() as n")

    with pytest.raises(WarehouseError, match="division by zero"):
        read_table(warehouse_uri, "ml.t")

    with open_session(warehouse_uri) as session:
        assert session.fetch_value("select last_value from ml.asked") == 1


def test_plain_types_refuses_a_number_too_large_for_bigint() -> None:
    with pytest.raises(pa.ArrowInvalid):
        plain_types(pa.table({"n": pa.array([2**64 - 1], pa.uint64())}))
