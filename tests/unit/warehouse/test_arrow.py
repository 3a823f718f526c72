"""Tables over ADBC against a real PostgreSQL: types, transactions, and what must be refused."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from include.errors import WarehouseError
from include.servers.postgres import PostgresServer
from include.warehouse.arrow import _find_small_catalogue, read_arrow, read_table, write_arrow
from include.warehouse.session import open_session
from include.warehouse.trace import trace_tables

EVERY_TYPE = pa.table(
    {
        "id": pa.array([1, None], pa.int64()),
        "small": pa.array([7, None], pa.int8()),
        "unsigned": pa.array([8, None], pa.uint32()),
        "score": pa.array([0.5, None], pa.float64()),
        "price": pa.array([Decimal("-12.50"), None], pa.decimal128(12, 2)),
        "name": pa.array(["æ, \n\"'", None], pa.string()),
        "brand": pa.array(["own", None]).dictionary_encode(),
        "nothing": pa.nulls(2),
        "is_promo": pa.array([True, None], pa.bool_()),
        "day": pa.array([date(2017, 2, 28), None], pa.date32()),
        "sold_at": pa.array([datetime(2017, 2, 28, 23, 59, 59, 123456, tzinfo=UTC), None], pa.timestamp("us", "UTC")),
        "local_at": pa.array([datetime(2017, 2, 28, 12), None], pa.timestamp("ns")),
    }
)


def test_every_type_survives_the_trip(warehouse_uri: str) -> None:
    rows = write_arrow(warehouse_uri, "ml.t", EVERY_TYPE)

    stored = read_table(warehouse_uri, "ml.t")

    assert rows == 2
    assert stored.to_pylist() == EVERY_TYPE.to_pylist()
    assert pa.types.is_decimal128(stored.schema.field("price").type)
    assert stored.schema.field("sold_at").type == pa.timestamp("us", "UTC")
    assert stored.schema.field("day").type == pa.date32()


def test_a_declared_numeric_keeps_its_precision_even_without_rows(warehouse_uri: str) -> None:
    table = read_arrow(warehouse_uri, "select null::numeric(12, 2) as price where false")

    assert table.schema.field("price").type == pa.decimal128(12, 2)


def test_a_table_without_rows_is_still_a_table(warehouse_uri: str) -> None:
    write_arrow(warehouse_uri, "ml.t", EVERY_TYPE.slice(0, 0), "replace")

    stored = read_table(warehouse_uri, "ml.t")

    assert stored.num_rows == 0
    assert stored.column_names == EVERY_TYPE.column_names


def test_append_adds_by_column_name_in_the_type_of_the_table(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        session.execute("create table ml.t (id bigint, price numeric(12, 2), day date)")

    write_arrow(warehouse_uri, "ml.t", pa.table({"price": [Decimal("1.5")], "id": pa.array([1.0])}))
    write_arrow(warehouse_uri, "ml.t", pa.table({"price": [2], "day": ["2017-01-01"], "id": pa.array([2], pa.int32())}))
    write_arrow(warehouse_uri, "ml.t", pa.table({"price": [0.25]}))

    assert read_table(warehouse_uri, "ml.t").to_pylist() == [
        {"id": 1, "price": Decimal("1.50"), "day": None},
        {"id": 2, "price": Decimal("2.00"), "day": date(2017, 1, 1)},
        {"id": None, "price": Decimal("0.25"), "day": None},
    ]


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("id", pa.array([7.5]), "'id' does not fit ml.t"),
        ("id", pa.array(["seven"]), "'id' does not fit ml.t"),
        ("small", pa.array([70_000]), "'small' does not fit ml.t"),
        ("content", pa.array(['{"a": 1}']), "'content' does not fit ml.t"),
        ("idd", pa.array([7]), "has no column 'idd': it has id, small, content"),
    ],
)
def test_append_refuses_what_does_not_fit_and_names_the_column(
    warehouse_uri: str, column: str, values: pa.Array, message: str
) -> None:
    with open_session(warehouse_uri) as session:
        session.execute("create table ml.t (id bigint, small smallint, content jsonb)")

    with pytest.raises(WarehouseError, match=message):
        write_arrow(warehouse_uri, "ml.t", pa.table({column: values}))

    assert read_table(warehouse_uri, "ml.t").num_rows == 0


def test_a_replace_that_fails_half_way_leaves_the_old_table(warehouse_uri: str) -> None:
    write_arrow(warehouse_uri, "ml.t", pa.table({"name": ["old"]}), "replace")
    rows = ["fine"] * 200_000 + ["PostgreSQL has no text with a \0 in it"]

    with pytest.raises(WarehouseError, match="nothing was changed"):
        write_arrow(warehouse_uri, "ml.t", pa.table({"name": rows}), "replace")

    assert read_table(warehouse_uri, "ml.t").to_pylist() == [{"name": "old"}]


def test_what_is_read_and_written_is_traced(warehouse_uri: str) -> None:
    with trace_tables() as trace:
        write_arrow(warehouse_uri, "ml.t", pa.table({"n": [1]}))
        read_table(warehouse_uri, "ml.t")
        read_arrow(warehouse_uri, "select t.n from ml.t as t join governance.fences as f on f.token = t.n")

    assert [str(table) for table in trace.writes] == ["ml.t"]
    assert [str(table) for table in trace.reads] == ["ml.t", "governance.fences"]


def test_a_refused_write_is_not_traced(warehouse_uri: str) -> None:
    with trace_tables() as trace, pytest.raises(WarehouseError):
        write_arrow(warehouse_uri, "ml.t", pa.table({"n": ["\0"]}))

    assert not trace.writes


def test_a_table_that_does_not_exist_is_named(warehouse_uri: str) -> None:
    with pytest.raises(WarehouseError, match=r"ml\.nowhere"):
        read_table(warehouse_uri, "ml.nowhere")


def test_a_warehouse_that_is_away_is_said_to_be() -> None:
    with pytest.raises(WarehouseError, match="cannot be reached"):
        read_table("postgresql://nobody:x@127.0.0.1:1/none", "ml.t")


def test_what_the_driver_keeps_holds_no_connection_and_knows_later_types(warehouse_uri: str) -> None:
    read_arrow(warehouse_uri, "select 1 as a")
    with open_session(warehouse_uri) as session:
        mine = "datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'"
        # A backend that was left ends a moment later.
        while session.fetch_value(f"select count(*) from pg_stat_activity where {mine}"):
            session.execute("select pg_stat_clear_snapshot()")
        session.execute("create type ml.size as enum ('small', 'large')")
        session.execute("create table ml.sized as select 'large'::ml.size as size")
        session.commit()

    assert read_table(warehouse_uri, "ml.sized").to_pylist() == [{"size": "large"}]


def test_types_are_read_from_a_small_catalogue_unless_that_has_types_of_its_own(postgres: PostgresServer) -> None:
    uri = postgres.create_database("arrow_small")
    with open_session(postgres.uri()) as session:
        session.execute("create type public.mood as enum ('fine')")
    own = _find_small_catalogue(uri)
    with open_session(postgres.uri()) as session:
        session.execute("drop type public.mood")

    assert (own, _find_small_catalogue(uri)) == (None, postgres.uri())
    assert _find_small_catalogue("postgresql://nobody:x@127.0.0.1:1/none") is None
    assert read_arrow(uri, "select current_database()::text as name").to_pylist() == [{"name": "arrow_small"}]
