"""Tables with one partition a day, made from a declaration."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from threading import Barrier

import psycopg
import pytest

from include.errors import WarehouseSchemaError
from include.warehouse.names import TableName
from include.warehouse.partitions import (
    DayPartition,
    ensure_day_partitions,
    ensure_partitioned_table,
    find_parents,
    list_partitions,
)
from include.warehouse.session import open_session
from include.warehouse.tables import read_column_types
from include.warehouse.trace import trace_tables

TABLE = TableName("ml", "failure_predictions")
DAY = date(2026, 2, 28)
COLUMNS = {
    "as_of_date": "date",
    "site_id": "bigint",
    "part": "text",
    "model_version": "int",
    "prediction": "double precision",
    "scores": "double precision[]",
    "price": "numeric(12, 2)",
    "scored_at": "timestamptz",
}
KEY = ("as_of_date", "site_id", "part", "model_version")


def make_table(uri: str, columns: dict[str, str] = COLUMNS, key: tuple[str, ...] = KEY) -> None:
    with open_session(uri) as session:
        ensure_partitioned_table(session, TABLE, columns, key, "as_of_date")


def make_days(uri: str, *days: date) -> list[TableName]:
    with open_session(uri) as session:
        return ensure_day_partitions(session, TABLE, days)


def insert_row(uri: str, day: date, site_id: int = 1) -> None:
    with open_session(uri) as session:
        session.execute(
            f"insert into {TABLE} (as_of_date, site_id, part, model_version) values (%s, %s, 'a', 1)", (day, site_id)
        )


def test_rows_of_a_day_are_in_the_partition_of_that_day(warehouse_uri: str) -> None:
    make_table(warehouse_uri)
    made = make_days(warehouse_uri, DAY, DAY + timedelta(days=1))
    insert_row(warehouse_uri, DAY)
    insert_row(warehouse_uri, DAY + timedelta(days=1))

    assert [str(table) for table in made] == ["ml.failure_predictions_20260228", "ml.failure_predictions_20260301"]
    with open_session(warehouse_uri) as session:
        assert session.fetch_all("select distinct as_of_date from ml.failure_predictions_20260228") == [
            {"as_of_date": DAY}
        ]
        assert session.fetch_value(f"select count(*) from {TABLE}") == 2
        assert list_partitions(session, TABLE) == [
            DayPartition(DAY, made[0]),
            DayPartition(DAY + timedelta(days=1), made[1]),
        ]


def test_a_day_without_a_partition_takes_no_rows(warehouse_uri: str) -> None:
    make_table(warehouse_uri)
    make_days(warehouse_uri, DAY)

    with pytest.raises(psycopg.errors.CheckViolation):
        insert_row(warehouse_uri, DAY + timedelta(days=1))


def test_a_key_is_unique_in_every_partition(warehouse_uri: str) -> None:
    make_table(warehouse_uri)
    make_days(warehouse_uri, DAY)
    insert_row(warehouse_uri, DAY)

    with pytest.raises(psycopg.errors.UniqueViolation):
        insert_row(warehouse_uri, DAY)


def test_making_it_again_changes_nothing(warehouse_uri: str) -> None:
    for _ in range(2):
        make_table(warehouse_uri)
    make_days(warehouse_uri, DAY, DAY)
    insert_row(warehouse_uri, DAY)

    make_table(warehouse_uri)

    assert make_days(warehouse_uri, DAY) == []
    with open_session(warehouse_uri) as session:
        assert session.fetch_value(f"select count(*) from {TABLE}") == 1


def test_workers_that_start_together_make_every_table_once(warehouse_uri: str) -> None:
    days = [DAY + timedelta(days=number) for number in range(5)]
    barrier = Barrier(4)

    def work(_: int) -> int:
        barrier.wait(timeout=60)
        with open_session(warehouse_uri) as session:
            ensure_partitioned_table(session, TABLE, COLUMNS, KEY, "as_of_date")
            return len(ensure_day_partitions(session, TABLE, days))

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(work, range(4)))

    assert sorted(made) == [0, 0, 0, 5]
    with open_session(warehouse_uri) as session:
        assert [one.day for one in list_partitions(session, TABLE)] == days


def test_readers_and_writers_of_other_days_go_on_while_a_partition_is_being_made(warehouse_uri: str) -> None:
    make_table(warehouse_uri)
    make_days(warehouse_uri, DAY)

    with open_session(warehouse_uri) as maker:
        ensure_day_partitions(maker, TABLE, [DAY + timedelta(days=1)])
        with open_session(warehouse_uri) as other:
            other.execute("set local lock_timeout = '2s'")
            other.execute(
                f"insert into {TABLE} (as_of_date, site_id, part, model_version) values (%s, 1, 'a', 1)", (DAY,)
            )
            assert other.fetch_value(f"select count(*) from {TABLE}") == 1


def test_a_column_that_is_declared_later_is_added_to_every_partition(warehouse_uri: str) -> None:
    make_table(warehouse_uri)
    make_days(warehouse_uri, DAY)
    insert_row(warehouse_uri, DAY)

    make_table(warehouse_uri, {**COLUMNS, "decision": "text"})

    with open_session(warehouse_uri) as session:
        assert session.fetch_all("select site_id, decision from ml.failure_predictions_20260228") == [
            {"site_id": 1, "decision": None}
        ]


def test_types_are_those_declared(warehouse_uri: str) -> None:
    make_table(warehouse_uri)

    with open_session(warehouse_uri) as session:
        assert read_column_types(session, TABLE) == {
            "as_of_date": "date",
            "site_id": "bigint",
            "part": "text",
            "model_version": "integer",
            "prediction": "double precision",
            "scores": "double precision[]",
            "price": "numeric(12,2)",
            "scored_at": "timestamp with time zone",
        }


@pytest.mark.parametrize(
    ("columns", "key", "expected"),
    [
        ({**COLUMNS, "site_id": "text"}, KEY, r"site_id bigint.*declared is .*site_id text"),
        (COLUMNS, ("as_of_date", "site_id", "model_version"), "has the key"),
        (COLUMNS, ("site_id", "as_of_date", "part", "model_version"), "has the key"),
        ({**COLUMNS, "prediction": "real"}, KEY, "'prediction' is double precision, declared is real"),
        ({name: kind for name, kind in COLUMNS.items() if name != "price"}, KEY, "'price' is not declared"),
    ],
)
def test_a_table_that_is_there_with_other_columns_is_refused(
    warehouse_uri: str, columns: dict[str, str], key: tuple[str, ...], expected: str
) -> None:
    make_table(warehouse_uri)

    with pytest.raises(WarehouseSchemaError, match=expected):
        make_table(warehouse_uri, columns, key)

    make_table(warehouse_uri)


@pytest.mark.parametrize(
    ("columns", "key"),
    [
        (COLUMNS, ("site_id", "part")),
        (COLUMNS, ("as_of_date", "machine_id")),
        ({**COLUMNS, "as_of_date": "timestamptz"}, KEY),
    ],
)
def test_a_declaration_that_cannot_be_partitioned_by_day_is_refused(
    warehouse_uri: str, columns: dict[str, str], key: tuple[str, ...]
) -> None:
    with pytest.raises(WarehouseSchemaError, match="cannot be partitioned by day"):
        make_table(warehouse_uri, columns, key)


def test_a_name_that_leaves_no_room_for_the_day_is_refused(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session, pytest.raises(WarehouseSchemaError, match="64 characters"):
        ensure_partitioned_table(session, TableName("ml", "a" * 55), COLUMNS, KEY, "as_of_date")


@pytest.mark.parametrize(
    "sql", [f"create table {TABLE} (a int)", f"create view {TABLE} as select 1 as a"], ids=["table", "view"]
)
def test_something_else_under_the_tables_name_is_refused(warehouse_uri: str, sql: str) -> None:
    with open_session(warehouse_uri) as session:
        session.execute(sql)

    with pytest.raises(WarehouseSchemaError, match="should be a partitioned table"):
        make_table(warehouse_uri)


def test_something_else_under_a_partitions_name_is_refused(warehouse_uri: str) -> None:
    make_table(warehouse_uri)
    with open_session(warehouse_uri) as session:
        session.execute("create table ml.failure_predictions_20260228 (a int)")

    with pytest.raises(WarehouseSchemaError, match=r"is no partition of ml\.failure_predictions"):
        make_days(warehouse_uri, DAY)


def test_only_a_partition_has_a_parent(warehouse_uri: str) -> None:
    make_table(warehouse_uri)
    (partition,) = make_days(warehouse_uri, DAY)

    with open_session(warehouse_uri) as session:
        others = [TABLE, TableName("raw", "partitions"), TableName("ml", "nothing")]
        assert find_parents(session, [partition, *others]) == {partition: TABLE}
        assert list_partitions(session, TableName("ml", "nothing")) == []


def test_partitions_are_listed_whatever_the_sessions_style_of_dates(warehouse_uri: str) -> None:
    make_table(warehouse_uri)
    make_days(warehouse_uri, DAY)

    with open_session(warehouse_uri) as session:
        session.execute("set datestyle = 'German'")
        assert [one.day for one in list_partitions(session, TABLE)] == [DAY]
        assert ensure_day_partitions(session, TABLE, [DAY]) == []


def test_making_tables_is_no_write_of_rows_and_logs_nothing(
    warehouse_uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    with trace_tables() as trace:
        make_table(warehouse_uri)
        make_table(warehouse_uri, {**COLUMNS, "decision": "text"})
        make_days(warehouse_uri, DAY)

    assert (list(trace.reads), list(trace.writes)) == ([], [])
    assert caplog.text == ""
