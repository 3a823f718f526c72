"""A PostgreSQL table as a source: its days, its types, one state of it, and its faults; on a real server."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.errors import SourceAwayError, SourceError
from include.servers.ports import find_free_port
from include.servers.postgres import PostgresServer
from include.settings.postgres_source import PostgresSource
from include.settings.section import check_section
from include.settings.source_columns import ColumnSettings
from include.sources.columns import BadValueError, ColumnReader
from include.sources.files import is_bad_file
from include.sources.postgres import PostgresDeliveries, open_table
from include.sources.postgres_client import find_conninfo
from include.sources.source import Deliveries, SourceAccess
from tests.unit.sources.whole import read_file

DAY = date(2026, 3, 9)
ZONE = "America/New_York"
COLUMNS = {"id": {"type": "int64"}, "at": {"type": "timestamp"}}
COUNT_READS = (
    "select count(*) from pg_stat_activity where application_name = 'orrery' and datname = 'a_source' "
    "and state = 'active' and query like 'COPY%'"
)
_counter = itertools.count()


@pytest.fixture(scope="module")
def source_uri(postgres: PostgresServer) -> str:
    """A database that is no warehouse."""
    return postgres.create_database("a_source")


@pytest.fixture
def run(source_uri: str) -> Iterator[Callable[..., Any]]:
    """Runs statements in the source's database, each committed at once."""
    with psycopg.connect(source_uri, autocommit=True) as connection:
        yield connection.execute


@pytest.fixture
def orders(run) -> str:
    """A table with two rows of the day and one of the next; its name."""
    table = f"orders_{next(_counter)}"
    run(f"create table {table} (id bigint primary key, at timestamptz)")
    run(f"insert into {table} values (2, '2026-03-09 12:00Z'), (1, '2026-03-10 03:59:59Z'), (3, '2026-03-10 04:00Z')")
    return f"public.{table}"


def declare(**changes: Any) -> PostgresSource:
    """What sources.yml would say, with changes; a change to None takes a key away."""
    content = {
        "kind": "postgres", "grain": "daily", "connection": "orders_db", "watermark": "at", "key": ["id"],
        "event_column": "at", "columns": COLUMNS, **changes,
    }  # fmt: skip
    content = {key: value for key, value in content.items() if value is not None}
    return check_section(content, PostgresSource, "development", "sources.yml")


def deliver(uri: str, *, batch_bytes: int = 16 << 20, time_zone: str = ZONE, **changes: Any) -> PostgresDeliveries:
    """The deliveries of a database."""
    known = psycopg.conninfo.conninfo_to_dict(uri)
    access = SourceAccess(known["host"], int(known["port"]), known["dbname"], known["user"], known["password"])
    opened = open_table("orders", declare(**changes), access, time_zone)
    return replace(opened, client=replace(opened.client, batch_bytes=batch_bytes))


def fetch(uri: str, folder: Path, day: date = DAY, **changes: Any) -> pa.Table:
    """The rows of a day as the file holds them."""
    path = deliver(uri, **changes).fetch(day, folder)
    assert [one.name for one in folder.iterdir()] == [path.name]
    return pq.read_table(path)


def refuse(uri: str, folder: Path, **changes: Any) -> SourceError:
    """The error of a day that cannot be fetched, of which nothing is left."""
    with pytest.raises(SourceError) as caught:
        deliver(uri, **changes).fetch(DAY, folder)
    assert list(folder.iterdir()) == []
    message = str(caught.value)
    assert message.startswith("Source 'orders', ")
    assert "run again" in message
    password = psycopg.conninfo.conninfo_to_dict(uri)["password"]
    assert password not in message
    return caught.value


class TestDays:
    def test_a_day_is_that_of_the_time_zone(self, source_uri, orders, tmp_path) -> None:
        table = fetch(source_uri, tmp_path, table=orders)

        assert table.column("id").to_pylist() == [1, 2]
        assert table.schema.types == [pa.int64(), pa.timestamp("us", "UTC")]

    @pytest.mark.parametrize("kind", ["timestamptz", "timestamp", "date"])
    @pytest.mark.parametrize(
        ("day", "hours"), [(date(2026, 3, 8), 23), (date(2026, 11, 1), 25), (date(2026, 6, 1), 24)]
    )
    def test_days_on_which_the_clock_changes(self, source_uri, run, tmp_path, kind: str, day: date, hours: int) -> None:
        # given one row at each hour of UTC, and the last second of the day, around the day
        table = f"hours_{next(_counter)}"
        run(f"create table {table} (id serial, at {kind}, moment timestamptz)")
        local = f"(moment at time zone '{ZONE}')::date" if kind == "date" else f"(moment at time zone 'UTC')::{kind}"
        if kind == "timestamptz":
            local = "moment"
        run(
            f"insert into {table} (at, moment) select {local}, moment from (select generate_series("
            f"'{day}'::timestamptz - interval '2 days', '{day}'::timestamptz + interval '3 days', '1 hour')"
            " - second * interval '1 second' as moment from (values (0), (1)) as seconds (second)) as moments"
        )
        # The database's own arithmetic is the reference.
        expected = run(
            f"select array_agg(moment order by moment) from {table} "
            f"where (moment at time zone '{ZONE}')::date = '{day}'"
        ).fetchone()[0]

        found = fetch(
            source_uri, tmp_path, day=day, table=f"public.{table}", event_column="moment",
            columns={"id": {"type": "int64"}, "moment": {"type": "timestamp"}},
        )  # fmt: skip

        assert sorted(found.column("moment").to_pylist()) == expected
        assert len(expected) == 2 * hours

    @pytest.mark.parametrize("kind", ["timestamptz", "timestamp", "date"])
    def test_days_from_the_oldest_row_to_the_newest_are_delivered(self, source_uri, run, kind: str) -> None:
        table = f"days_{next(_counter)}"
        run(f"create table {table} (id int, at {kind})")
        run(f"insert into {table} values (1, '2026-03-06 12:00Z'), (2, '2026-03-08 12:00Z'), (3, null)")
        deliveries = deliver(source_uri, table=f"public.{table}")

        assert deliveries.find_days(date(2026, 1, 1), date(2026, 12, 31)) == [date(2026, 3, day) for day in (6, 7, 8)]
        assert deliveries.find_days(date(2026, 3, 7), date(2026, 3, 7)) == [date(2026, 3, 7)]
        assert deliveries.find_days(date(2026, 3, 9), date(2026, 3, 12)) == []

    def test_a_moment_late_in_the_day_is_of_that_day(self, source_uri, orders) -> None:
        days = deliver(source_uri, table=orders).find_days(date.min, date.max)

        assert days == [DAY, DAY + timedelta(days=1)]

    def test_no_row_is_no_day(self, source_uri, run) -> None:
        run("create table if not exists nothing (id int, at timestamptz)")

        assert deliver(source_uri, table="public.nothing").find_days(date.min, date.max) == []

    def test_a_day_without_rows_is_an_empty_file(self, source_uri, run, tmp_path) -> None:
        table = fetch(source_uri, tmp_path, query="select 1 as id, '2026-03-08 12:00Z'::timestamptz as at")

        assert table.num_rows == 0
        assert table.column_names == ["id", "at"]

    def test_rows_without_a_watermark_are_counted(self, source_uri, tmp_path, caplog) -> None:
        rows = "select 1 as id, null::timestamptz as at union all select 2, '2026-03-09 12:00Z'"

        assert fetch(source_uri, tmp_path, query=rows).column("id").to_pylist() == [2]
        assert "1 row(s) of its query have no at" in caplog.text

    def test_a_watermark_without_end_is_refused(self, source_uri, tmp_path, monkeypatch) -> None:
        monkeypatch.setenv("ORRERY_TODAY", "2026-03-09")
        deliveries = deliver(source_uri, query="select 1 as id, 'infinity'::timestamptz as at", grain="snapshot")

        for read in (lambda: deliveries.find_days(date.min, date.max), lambda: deliveries.fetch(DAY, tmp_path)):
            with pytest.raises(SourceError, match=r"the database refuses \(.*(year 10K|years 1 to 9999)") as caught:
                read()
            assert is_bad_file(caught.value)

    def test_a_version_changes_with_the_rows(self, source_uri, orders, run) -> None:
        deliveries = deliver(source_uri, table=orders)
        first, other = deliveries.find_version(DAY), deliveries.find_version(DAY + timedelta(days=1))
        assert deliveries.find_version(DAY) == first

        assert deliveries.find_changed_at(DAY) is None
        run(f"insert into {orders} values (9, '2026-03-09 12:00Z')")

        assert deliveries.find_version(DAY) not in (first, None)
        assert deliveries.find_version(DAY + timedelta(days=1)) == other
        assert deliveries.find_version(DAY - timedelta(days=1)) == "0 rows of 0"

    def test_a_version_changes_with_a_value_whose_watermark_does_not(self, source_uri, run) -> None:
        table = f"corrected_{next(_counter)}"
        run(f"create table {table} as select 1 as id, '2026-03-09 12:00Z'::timestamptz as at, 5 as n, 'x' as other")
        columns = {**COLUMNS, "n": {"type": "int64"}}
        deliveries = deliver(source_uri, table=f"public.{table}", columns=columns)
        first = deliveries.find_version(DAY)

        run(f"update {table} set other = 'y'")
        assert deliveries.find_version(DAY) == first
        run(f"update {table} set n = 6")
        assert deliveries.find_version(DAY) != first

    def test_missing_days_are_explained(self, source_uri, orders) -> None:
        message = str(deliver(source_uri, table=orders).explain_missing([date(2026, 3, 12)]))

        assert f"expected table {orders} in database a_source on 127.0.0.1:" in message
        assert "at on 2026-03-12. It has the days 2026-03-09 to 2026-03-10." in message

    def test_it_has_the_interface_of_all_kinds(self, source_uri, orders) -> None:
        deliveries: Deliveries = deliver(source_uri, table=orders)

        assert all(hasattr(deliveries, name) for name in dir(Deliveries) if not name.startswith("_"))


class TestLiveCopies:
    @pytest.fixture(autouse=True)
    def _today(self, monkeypatch) -> None:
        monkeypatch.setenv("ORRERY_TODAY", "2026-03-20")

    def test_one_is_of_the_day_of_its_newest_row(self, source_uri, orders, tmp_path) -> None:
        changes = {"table": orders, "grain": "snapshot", "event_column": None}
        live = DAY + timedelta(days=1)
        deliveries = deliver(source_uri, **changes)

        assert deliveries.find_days(date.min, date.max) == [live]
        assert deliveries.find_days(date.min, DAY) == []
        assert deliveries.find_days(live + timedelta(days=1), date.max) == []
        assert fetch(source_uri, tmp_path, day=live, **changes).num_rows == 3
        assert deliveries.find_version(live).startswith("3 rows of ")

    def test_one_without_a_watermark_is_of_today(self, source_uri, orders, tmp_path) -> None:
        today, changes = date(2026, 3, 20), {"table": orders, "grain": "snapshot", "watermark": None}
        deliveries = deliver(source_uri, **changes)

        assert deliveries.find_days(date.min, date.max) == [today]
        assert deliveries.find_days(date.min, today - timedelta(days=1)) == []
        assert deliveries.find_version(today).startswith("3 rows of ")
        assert fetch(source_uri, tmp_path, day=today, **changes).num_rows == 3

    def test_one_whose_watermark_is_ahead_is_of_today(self, source_uri) -> None:
        rows = "select 1 as id, '2027-03-09'::timestamptz as at"

        assert deliver(source_uri, query=rows, grain="snapshot").find_days(date.min, date.max) == [date(2026, 3, 20)]

    @pytest.mark.parametrize("watermark", ["at", None])
    def test_one_is_not_dated_back(self, source_uri, orders, tmp_path, watermark: str | None) -> None:
        with pytest.raises(SourceError, match=r"the live copy is that of 2026-03-.0 by now"):
            deliver(source_uri, table=orders, grain="snapshot", watermark=watermark).fetch(DAY, tmp_path)

        assert list(tmp_path.iterdir()) == []


class TestOneState:
    def test_the_same_rows_are_the_same_file(self, source_uri, run, tmp_path) -> None:
        # given a table whose rows are moved by updates, so that a scan meets them in another order
        table = f"moved_{next(_counter)}"
        run(f"create table {table} as select g::text as id, '2026-03-09 12:00Z'::timestamptz as at, 0 as n "
            "from generate_series(1, 5000) g")  # fmt: skip
        changes = {
            "table": f"public.{table}", "columns": {**COLUMNS, "id": {"type": "string"}}, "batch_bytes": 1 << 15
        }  # fmt: skip
        first = deliver(source_uri, **changes).fetch(DAY, tmp_path).read_bytes()

        run(f"update {table} set n = 1 where id < '3'")
        run(f"vacuum full {table}")

        assert deliver(source_uri, **changes).fetch(DAY, tmp_path).read_bytes() == first

    def test_rows_that_arrive_meanwhile_are_not_seen(self, source_uri, run, orders, tmp_path, monkeypatch) -> None:
        # given a row that arrives between the statements of a read, and one between its batches
        run(f"insert into {orders} select g, '2026-03-09 13:00Z' from generate_series(10, 3000) g")
        write, warn = pq.ParquetWriter.write_batch, PostgresDeliveries._warn_of_no_day
        arriving = itertools.count(10_000)
        batches = []

        def insert() -> None:
            run(f"insert into {orders} values (%s, '2026-03-09 14:00Z'), (-%s, null)", (key := next(arriving), key))

        def warn_and_insert(self: PostgresDeliveries, snapshot: Any) -> None:
            warn(self, snapshot)
            insert()

        def insert_and_write(self: pq.ParquetWriter, batch: pa.RecordBatch, *args: Any) -> None:
            insert()
            batches.append(batch.num_rows)
            write(self, batch, *args)

        monkeypatch.setattr(pq.ParquetWriter, "write_batch", insert_and_write)
        monkeypatch.setattr(PostgresDeliveries, "_warn_of_no_day", warn_and_insert)

        table = fetch(source_uri, tmp_path, table=orders, batch_bytes=1 << 13)

        assert len(batches) > 3
        assert table.column("id").to_pylist() == [1, 2, *range(10, 3001)]
        assert run(f"select count(*) from {orders} where id >= 10000").fetchone()[0] == len(batches) + 1

    def test_rows_are_written_while_they_are_read(self, source_uri, run, tmp_path, monkeypatch) -> None:
        # given twenty times as many bytes as one batch has
        rows = (
            "select g as id, '2026-03-09 12:00Z'::timestamptz as at, repeat('x', 200) as text from "
            "generate_series(1, 100000) g"
        )
        written: list[weakref.ref[pa.RecordBatch]] = []
        kept, reading = [], []
        write = pq.ParquetWriter.write_batch

        def watch(self: pq.ParquetWriter, batch: pa.RecordBatch, *args: Any) -> None:
            kept.append(sum(one() is not None for one in written))
            reading.append(run(COUNT_READS).fetchone()[0])
            written.append(weakref.ref(batch))
            write(self, batch, *args)

        monkeypatch.setattr(pq.ParquetWriter, "write_batch", watch)
        columns = {**COLUMNS, "text": {"type": "string"}}

        path = deliver(source_uri, query=rows, columns=columns, batch_bytes=1 << 20).fetch(DAY, tmp_path)

        assert pq.ParquetFile(path).metadata.num_rows == 100_000
        assert pq.ParquetFile(path).num_row_groups == len(written) > 15
        # The server still sends when the first is written, and no batch is kept while the next ones are.
        assert reading[0] == 1
        assert max(kept) <= 1

    def test_nothing_can_be_written(self, source_uri, orders, run, tmp_path) -> None:
        run("create table if not exists made (id int)")
        run("create or replace function public.make_one(int) returns int language sql as "
            "'insert into public.made values ($1) returning 1'")  # fmt: skip

        error = refuse(source_uri, tmp_path, query="select make_one(1) as id, '2026-03-09 12:00Z'::timestamptz as at")

        assert "read-only transaction" in str(error)
        assert run("select count(*) from made").fetchone()[0] == 0


class TestNames:
    def test_capitals_spaces_and_quotes(self, source_uri, run, tmp_path) -> None:
        run('create schema if not exists "Big Sales"')
        run('create table if not exists "Big Sales"."Order ""Lines" ("Order Id" int, "At" timestamptz)')
        run('truncate "Big Sales"."Order ""Lines"')
        run('insert into "Big Sales"."Order ""Lines" values (7, \'2026-03-09 12:00Z\')')

        table = fetch(
            source_uri, tmp_path, table='Big Sales.Order "Lines', watermark="At", key=["Order Id"], event_column="At",
            columns={"Order Id": {"type": "int64"}, "At": {"type": "timestamp"}},
        )  # fmt: skip

        assert table.to_pylist() == [{"Order Id": 7, "At": datetime(2026, 3, 9, 12, tzinfo=UTC)}]

    @pytest.mark.parametrize(
        "changes",
        [
            {"table": 'public.kept"; drop table kept; --'},
            {"table": "public.kept", "watermark": 'at" is null or true; drop table kept; --'},
            {"table": "public.kept", "columns": {**COLUMNS, "x' from kept; drop table kept; --": {"type": "int64"}}},
        ],
    )
    def test_sql_in_names_does_nothing(self, source_uri, run, tmp_path, changes: dict[str, Any]) -> None:
        run("create table if not exists kept (id int, at timestamptz)")

        refuse(source_uri, tmp_path, **changes)

        assert run("select to_regclass('public.kept')").fetchone()[0] == "kept"

    def test_a_query_may_end_with_a_comment(self, source_uri, orders, tmp_path) -> None:
        rows = f"with all_of_it as (select * from {orders}) select id, at from all_of_it -- all of it"

        assert fetch(source_uri, tmp_path, query=rows).num_rows == 2

    def test_columns_that_are_not_declared_are_not_read(self, source_uri, tmp_path) -> None:
        rows = "select 1 as id, '2026-03-09 12:00Z'::timestamptz as at, point(1, 2) as place"

        assert fetch(source_uri, tmp_path, query=rows).column_names == ["id", "at"]

    @pytest.mark.parametrize("table", ["public.near_order", "public.Near_Orders", "pubic.near_orders"])
    def test_a_table_that_is_not_there(self, source_uri, run, tmp_path, table: str) -> None:
        run("create table if not exists near_orders (id int, at timestamptz)")

        error = refuse(source_uri, tmp_path, table=table)

        assert f"table {table} in database a_source on 127.0.0.1:" in str(error)
        assert "there is no such table (do you mean public.near_orders?)" in str(error)
        assert is_bad_file(error)

    def test_columns_that_are_not_there(self, source_uri, run, tmp_path) -> None:
        run("create table if not exists near_columns (id int, at timestamptz, Amount int, other int)")
        changes = {"table": "public.near_columns"}

        message = str(refuse(source_uri, tmp_path, columns={**COLUMNS, "amounts": {"type": "int64"}}, **changes))
        assert "there is no column 'amounts' (do you mean 'amount'?)" in message
        message = str(refuse(source_uri, tmp_path, watermark="updated", **changes))
        assert "there is no column 'updated'" in message
        assert "do you mean" not in message

    @pytest.mark.parametrize(
        ("query", "problem"),
        [
            ("select nope from pg_class", 'column "nope" does not exist'),
            ("select id from nowhere", 'relation "nowhere" does not exist'),
            ("select from where", "syntax error"),
        ],
    )
    def test_a_query_that_is_wrong(self, source_uri, tmp_path, query: str, problem: str) -> None:
        assert "its query in database a_source on 127.0.0.1:" in str(refuse(source_uri, tmp_path, query=query))
        assert problem in str(refuse(source_uri, tmp_path, query=query))

    def test_a_watermark_of_another_type(self, source_uri, tmp_path) -> None:
        rows = "select 1 as id, '2026-03-09 12:00Z'::timestamptz as at, '12:00'::time as seen"

        message = str(refuse(source_uri, tmp_path, query=rows, watermark="seen"))

        assert "the watermark 'seen' is of type time without time zone; it has to be timestamptz" in message


class TestTypes:
    """Columns as declared: what fits goes through the reader of files without loss, the rest is named."""

    def read(self, uri: str, folder: Path, value: str, declared: str) -> Any:
        """One value, as the column of a source and then as a column that is fitted to its declared type."""
        settings = ColumnSettings(type=declared, nullable=True)  # type: ignore[arg-type]
        table = fetch(
            uri, folder, query=f"select 1 as id, '2026-03-09 12:00Z'::timestamptz as at, {value} as value",
            columns={**COLUMNS, "value": {"type": declared}},
        )  # fmt: skip
        return ColumnReader("value", settings, ZONE).fit(table.column("value"))[0].as_py()

    @pytest.mark.parametrize(
        ("value", "declared", "expected"),
        [
            ("7::smallint", "int64", 7),
            ("7::int", "float64", 7.0),
            ("9223372036854775807::bigint", "int64", 9223372036854775807),
            ("1.5::real", "float64", 1.5),
            ("0.1::float8", "float64", 0.1),
            ("2.0::float8", "int64", 2),
            ("12.50::numeric(12, 2)", "float64", 12.5),
            ("0.1::numeric", "float64", 0.1),
            ("12.00::numeric(12, 2)", "int64", 12),
            ("9223372036854775807::numeric", "int64", 9223372036854775807),
            ("12.50::numeric(12, 2)", "string", "12.50"),
            ("'NaN'::numeric", "float64", None),
            ("null::numeric", "int64", None),
            ("true", "string", "true"),
            ("false", "int64", 0),
            ("'6f1c0d2e-0000-4000-8000-000000000001'::uuid", "string", "6f1c0d2e-0000-4000-8000-000000000001"),
            ("'é'::text", "string", "é"),
            ("'é'::varchar(5)", "string", "é"),
            ("'a'::char(3)", "string", "a"),
            ("'12'::text", "int64", 12),
            ("'new'::mood", "string", "new"),
            ("4::small", "int64", 4),
            ("'2026-03-10 03:30Z'::timestamptz", "timestamp", datetime(2026, 3, 10, 3, 30, tzinfo=UTC)),
            ("'2026-03-10 03:30Z'::timestamptz", "date", DAY),
            ("'2026-03-10 03:30'::timestamp", "timestamp", datetime(2026, 3, 10, 3, 30, tzinfo=UTC)),
            ("'2026-03-10'::date", "date", date(2026, 3, 10)),
        ],
    )
    def test_values_arrive(self, source_uri, run, tmp_path, value: str, declared: str, expected: Any) -> None:
        run("do $$ begin create type mood as enum ('new', 'old'); exception when duplicate_object then end $$")
        run("do $$ begin create domain small as int check (value < 10); exception when duplicate_object then end $$")

        assert self.read(source_uri, tmp_path, value, declared) == expected

    def test_a_database_in_another_encoding(self, source_uri, run, tmp_path) -> None:
        run("create database latin encoding 'LATIN1' locale 'C' template template0")
        latin = psycopg.conninfo.make_conninfo(source_uri, dbname="latin")

        assert self.read(latin, tmp_path, "chr(233)", "string") == "é"

    @pytest.mark.parametrize(
        ("value", "declared", "held"),
        [
            ("12.50::numeric(12, 2)", "int64", "'12.5'"),
            ("1e30::numeric", "int64", "'1000000000000000000000000000000'"),
            ("1e400::numeric", "float64", "inf"),
            ("'Infinity'::numeric", "float64", "inf"),
            ("2.5::float8", "int64", "2.5"),
            ("9007199254740993::bigint", "float64", "9007199254740993"),
            ("'x'::text", "int64", "'x'"),
            ("'infinity'::timestamptz", "timestamp", "a moment outside of the years 1 to 9999"),
            ("'-infinity'::date", "date", "a moment outside of the years 1 to 9999"),
            ("'2026-03-10 03:30'::timestamp", "date", "datetime"),
        ],
    )
    def test_values_that_do_not_fit_are_named(self, source_uri, tmp_path, value: str, declared: str, held: str) -> None:
        with pytest.raises(BadValueError, match="column 'value' is declared") as caught:
            self.read(source_uri, tmp_path, value, declared)

        assert held in str(caught.value)

    @pytest.mark.parametrize(
        ("value", "declared", "problem"),
        [
            ("7", "string", "column 'value' is declared string and is of type integer; it can be declared int64 or"),
            ("7", "timestamp", "column 'value' is declared timestamp and is of type integer"),
            ("current_date", "timestamp", "is of type date; it can be declared date"),
            ("'{}'::jsonb", "string", "is of type jsonb; no declared type can hold that, or a query can cast it"),
            ("array[1]", "string", "is of type integer[]; no declared type"),
            ("'a'::bytea", "string", "is of type bytea; no declared type"),
            ("interval '1 day'", "string", "is of type interval; no declared type"),
            ("time '12:00'", "timestamp", "is of type time without time zone; no declared type"),
            ("row(1, 2)", "string", "is of type record; no declared type"),
        ],
    )
    def test_types_that_cannot_be_read_are_named(self, source_uri, tmp_path, value, declared, problem) -> None:
        rows = f"select 1 as id, '2026-03-09 12:00Z'::timestamptz as at, {value} as value"

        error = refuse(source_uri, tmp_path, query=rows, columns={**COLUMNS, "value": {"type": declared}})

        assert problem in str(error)


class TestFiles:
    """The file is read as every delivered file is."""

    def test_rows_become_declared_columns(self, source_uri, orders, tmp_path) -> None:
        # given columns that are declared in another order than the table's
        columns = {"at": {"type": "date"}, "id": {"type": "float64"}}
        deliveries = deliver(source_uri, table=orders, columns=columns)

        table = read_file("orders", deliveries.source, deliveries.fetch(DAY, tmp_path), ZONE)

        assert table.to_pylist() == [{"at": DAY, "id": 1.0}, {"at": DAY, "id": 2.0}]

    def test_no_rows_may_be_allowed(self, source_uri, orders, tmp_path) -> None:
        day = DAY - timedelta(days=1)
        strict, lenient = (deliver(source_uri, table=orders, allow_empty=one) for one in (False, True))

        assert read_file("orders", lenient.source, lenient.fetch(day, tmp_path), ZONE).num_rows == 0
        with pytest.raises(SourceError, match="it has columns but no rows"):
            read_file("orders", strict.source, strict.fetch(day, tmp_path), ZONE)


class TestServers:
    """What is wrong with a server says nothing about what it delivers."""

    def assert_no_bad_file(self, error: SourceError) -> str:
        assert isinstance(error, SourceAwayError)
        assert not is_bad_file(error)
        return str(error)

    def test_a_wrong_password(self, source_uri, orders, tmp_path) -> None:
        known = psycopg.conninfo.conninfo_to_dict(source_uri)
        wrong = psycopg.conninfo.make_conninfo(source_uri, password="wrong-pass-word")

        message = self.assert_no_bad_file(refuse(wrong, tmp_path, table=orders))

        assert f"in database a_source on 127.0.0.1:{known['port']}: no connection" in message
        assert 'password authentication failed for user "postgres"' in message
        assert "password of connection 'orders_db'" in message

    def test_no_server(self, source_uri, tmp_path) -> None:
        nowhere = psycopg.conninfo.make_conninfo(source_uri, port=find_free_port())

        assert "Connection refused" in self.assert_no_bad_file(refuse(nowhere, tmp_path, table="public.orders"))

    def test_no_such_database(self, source_uri, tmp_path) -> None:
        other = psycopg.conninfo.make_conninfo(source_uri, dbname="nowhere")

        assert '"nowhere" does not exist' in self.assert_no_bad_file(refuse(other, tmp_path, table="public.orders"))

    def test_no_right_to_read(self, source_uri, run, orders, tmp_path) -> None:
        run("drop role if exists reader")
        run("create role reader login password 'reader-pass'")
        reader = psycopg.conninfo.make_conninfo(source_uri, user="reader", password="reader-pass")

        message = self.assert_no_bad_file(refuse(reader, tmp_path, table=orders))

        assert "permission denied for table" in message
        assert "the rights of connection 'orders_db'" in message

    @pytest.mark.parametrize("end", ["pg_terminate_backend", "pg_cancel_backend"])
    def test_a_read_that_is_ended(self, source_uri, run, tmp_path, monkeypatch, end: str) -> None:
        # given more rows than fit between two batches, and someone who ends the read after the first
        rows = "select g as id, '2026-03-09 12:00Z'::timestamptz as at, repeat('x', 1000) as text from " \
               "generate_series(1, 30000) g"  # fmt: skip
        write, ended = pq.ParquetWriter.write_batch, []

        def write_and_end(self: pq.ParquetWriter, batch: pa.RecordBatch, *args: Any) -> None:
            write(self, batch, *args)
            if not ended:
                ended.extend(run(COUNT_READS.replace("count(*)", f"{end}(pid)")).fetchall())

        monkeypatch.setattr(pq.ParquetWriter, "write_batch", write_and_end)
        columns = {**COLUMNS, "text": {"type": "string"}}

        message = self.assert_no_bad_file(
            refuse(source_uri, tmp_path, query=rows, columns=columns, batch_bytes=1 << 20)
        )

        assert ended == [(True,)]
        assert "reading broke off" in message
        assert "nothing of it is kept" in message

    def test_a_query_that_fails_at_a_late_row(self, source_uri, tmp_path) -> None:
        rows = "select 1 / (g - 20000) as id, '2026-03-09 12:00Z'::timestamptz as at from generate_series(1, 30000) g"

        error = refuse(source_uri, tmp_path, query=rows, batch_bytes=1 << 14)

        assert "the database refuses" in str(error)
        assert "division by zero" in str(error)
        assert is_bad_file(error)

    @pytest.mark.parametrize(
        ("access", "missing"),
        [(SourceAccess(schema="sales"), "no host"), (SourceAccess("db.example.com"), "no schema, the name of the")],
    )
    def test_a_connection_without_an_address(self, access: SourceAccess, missing: str) -> None:
        with pytest.raises(SourceError, match=f"Connection 'orders_db' has {missing}"):
            find_conninfo("orders_db", access)

    def test_a_connection_says_how_it_is_encrypted(self) -> None:
        access = SourceAccess("db", 5433, "sales", "ada", "p w'd", {"sslmode": "verify-full", "cursor": "dictcursor"})

        assert psycopg.conninfo.conninfo_to_dict(find_conninfo("orders_db", access)) == {
            "host": "db", "port": "5433", "dbname": "sales", "user": "ada", "password": "p w'd",
            "sslmode": "verify-full",
        }  # fmt: skip

    def test_passwords_are_in_no_text(self, source_uri, orders, caplog) -> None:
        deliveries = deliver(source_uri, table=orders)
        password = psycopg.conninfo.conninfo_to_dict(source_uri)["password"]

        told = repr(deliveries) + deliveries.describe(DAY)

        assert password not in told
        assert f"table {orders} in database a_source on 127.0.0.1:" in deliveries.describe(DAY)
        assert "at on 2026-03-09" in deliveries.describe(DAY)
