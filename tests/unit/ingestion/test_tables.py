"""The published tables are made from sources.yml, and follow it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier
from typing import Any

import psycopg
import pytest

from include.errors import WarehouseSchemaError
from include.ingestion.tables import compare_raw_table, ensure_raw_tables
from include.settings.section import parse_section
from include.settings.sources import SourceSettings
from include.warehouse.names import TableName, quote_text
from include.warehouse.partitions import ensure_day_partitions, list_partitions
from include.warehouse.session import Session, open_session
from include.warehouse.tables import read_column_types
from include.warehouse.trace import trace_tables

READINGS = TableName("raw", "readings")
SNAPSHOT_COLUMNS = {"machine_id": "bigint", "valid_from": "date", "valid_to": "date"}


def describe_sources() -> dict[str, Any]:
    """A daily source and a snapshot of the machines that it is about."""
    return {
        "time_zone": "America/New_York",
        "sources": {
            "readings": {
                "kind": "files", "path": "readings/{day}.csv", "format": "csv", "grain": "daily",
                "description": "Readings of machines; grain: machine and time. It's all there is.",
                "key": ["machine_id", "read_at"], "event_column": "read_at",
                "columns": {
                    "machine_id": {"type": "int64"},
                    "Heat (in °C)": {"type": "float64", "publish_as": "heat", "publish_type": "numeric(12, 2)",
                                     "description": "At the bearing"},
                    "it's": {"type": "string", "nullable": True},
                    "read_at": {"type": "timestamp"},
                },
            },
            "machines": {
                "kind": "files", "path": "machines/{day}.csv", "format": "csv", "grain": "snapshot",
                "key": ["machine_id"], "columns": {"machine_id": {"type": "int64"}},
            },
        },
    }  # fmt: skip


@pytest.fixture
def description() -> dict[str, Any]:
    """What sources.yml would say, to be changed by a test."""
    return describe_sources()


def parse(description: dict[str, Any]) -> SourceSettings:
    return parse_section(description, SourceSettings, "development", "sources.yml")


def read_comments(session: Session) -> list[tuple[int, str]]:
    """The comments of the readings' table, by the number of the column; that of the table is 0."""
    rows = session.fetch_all(
        "select objsubid, description from pg_description where objoid = 'raw.readings'::regclass order by 1"
    )
    return [(row["objsubid"], row["description"]) for row in rows]


def insert_reading(session: Session, day: date = date(2026, 3, 9)) -> None:
    """A row of machine 7 in its partition."""
    ensure_day_partitions(session, READINGS, [day])
    session.execute("insert into raw.readings (machine_id, day, batch_day) values (7, %s, %s)", (day, day))


def test_tables_have_the_published_names_and_types(warehouse_uri: str, description: dict[str, Any]) -> None:
    ensure_raw_tables(warehouse_uri, parse(description))

    with open_session(warehouse_uri) as session:
        assert read_column_types(session, READINGS) == {
            "machine_id": "bigint",
            "heat": "numeric(12,2)",
            "it's": "text",
            "read_at": "timestamp with time zone",
            "day": "date",
            "batch_day": "date",
        }
        assert read_column_types(session, TableName("raw", "machines")) == SNAPSHOT_COLUMNS


def test_a_daily_source_is_partitioned_by_the_day_of_its_delivery(
    warehouse_uri: str, description: dict[str, Any]
) -> None:
    ensure_raw_tables(warehouse_uri, parse(description))

    with open_session(warehouse_uri) as session:
        rows = session.fetch_all(
            "select c.relname, pg_get_partkeydef(c.oid) as key from pg_class as c "
            "where c.relnamespace = 'raw'::regnamespace and c.relname in ('readings', 'machines') order by 1"
        )
    assert [(row["relname"], row["key"]) for row in rows] == [("machines", None), ("readings", "RANGE (batch_day)")]


def test_a_daily_source_is_indexed_by_its_days(warehouse_uri: str, description: dict[str, Any]) -> None:
    for _ in range(2):
        ensure_raw_tables(warehouse_uri, parse(description))

    with open_session(warehouse_uri) as session:
        rows = session.fetch_all(
            "select tablename, indexdef from pg_indexes "
            "where schemaname = 'raw' and tablename in ('readings', 'machines') order by 2"
        )
    assert [(row["tablename"], row["indexdef"].rpartition(" ")[2]) for row in rows] == [("readings", "(day)")]


def test_tables_and_columns_are_described(warehouse_uri: str, description: dict[str, Any]) -> None:
    ensure_raw_tables(warehouse_uri, parse(description))

    with open_session(warehouse_uri) as session:
        comments = read_comments(session)
    assert comments == [
        (0, "Readings of machines; grain: machine and time. It's all there is."),
        (2, "At the bearing"),
        (5, "Day of the event in the sources' time zone."),
        (6, "Day of the delivery that brought the row."),
    ]


def test_planners_that_start_together_make_every_table_once(warehouse_uri: str, description: dict[str, Any]) -> None:
    barrier = Barrier(3)

    def work(_: int) -> None:
        barrier.wait(timeout=60)
        ensure_raw_tables(warehouse_uri, parse(description))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(3)))

    with open_session(warehouse_uri) as session:
        assert session.fetch_value("select count(*) from pg_indexes where tablename = 'readings'") == 1


def test_a_nullable_column_that_is_declared_later_is_added_and_rows_stay(
    warehouse_uri: str, description: dict[str, Any]
) -> None:
    ensure_raw_tables(warehouse_uri, parse(description))
    with open_session(warehouse_uri) as session:
        insert_reading(session)
    description["sources"]["readings"]["columns"]["noise"] = {"type": "float64", "nullable": True}

    ensure_raw_tables(warehouse_uri, parse(description))

    with open_session(warehouse_uri) as session:
        assert session.fetch_all("select machine_id, noise from raw.readings") == [{"machine_id": 7, "noise": None}]


@pytest.fixture
def plain_uri(warehouse_uri: str, description: dict[str, Any]) -> str:
    """A warehouse with a table that an earlier release has made without partitions, and a view on a view on it."""
    ensure_raw_tables(warehouse_uri, parse(description))
    with open_session(warehouse_uri) as session:
        session.execute("create table raw.plain (like raw.readings including all)")
        session.execute("drop table raw.readings")
        session.execute("alter table raw.plain rename to readings")
        session.execute(
            f"comment on table raw.readings is {quote_text(description['sources']['readings']['description'])}"
        )
        for day in (9, 9, 11):
            session.execute(
                "insert into raw.readings (machine_id, heat, day, batch_day) values (%s, 1.5, %s, %s)",
                (day, date(2026, 3, day), date(2026, 3, day)),
            )
        session.execute("create view staging.stg_readings as select * from raw.readings")
        session.execute('create view staging."Hot" as select machine_id from staging.stg_readings where heat > 1')
    return warehouse_uri


def test_a_table_of_an_earlier_release_is_partitioned_with_its_rows_and_views(
    plain_uri: str, description: dict[str, Any]
) -> None:
    with open_session(plain_uri) as session:
        before, comments = session.fetch_all("select * from raw.readings order by machine_id"), read_comments(session)

    with trace_tables() as trace:
        for _ in range(2):
            ensure_raw_tables(plain_uri, parse(description))

    with open_session(plain_uri) as session:
        assert [one.day.day for one in list_partitions(session, READINGS)] == [9, 11]
        assert session.fetch_all("select * from raw.readings order by machine_id") == before
        assert session.fetch_all('select machine_id from staging."Hot" order by 1') == [
            {"machine_id": machine} for machine in (9, 9, 11)
        ]
        insert_reading(session)
        assert session.fetch_value("select count(*) from staging.stg_readings") == 4, "the views read the new table"
        assert session.fetch_value("select to_regclass('raw.readings_plain')") is None
        assert read_comments(session) == comments
    assert (list(trace.reads), list(trace.writes)) == ([], []), "the same rows in another form are no lineage"


def test_what_hangs_on_a_table_of_an_earlier_release_and_is_no_view_is_named(
    plain_uri: str, description: dict[str, Any]
) -> None:
    with open_session(plain_uri) as session:
        session.execute("create materialized view staging.kept as select * from staging.stg_readings")

    with pytest.raises(WarehouseSchemaError, match=r"raw\.readings .*staging\.kept depends on it.*Drop it, run again"):
        ensure_raw_tables(plain_uri, parse(description))

    with open_session(plain_uri) as session:
        assert session.fetch_value("select count(*) from raw.readings") == 3


def test_a_table_that_postgresql_does_not_partition_is_named_and_stays(
    plain_uri: str, description: dict[str, Any]
) -> None:
    with open_session(plain_uri) as session:
        session.execute("create unique index readings_once on raw.readings (machine_id, heat, read_at)")

    with pytest.raises(WarehouseSchemaError, match=r"raw\.readings cannot be partitioned by batch_day[\s\S]*as it was"):
        ensure_raw_tables(plain_uri, parse(description))

    with open_session(plain_uri) as session:
        assert session.fetch_value("select count(*) from staging.stg_readings") == 3


def test_planning_takes_no_lock_that_a_run_which_publishes_holds(
    warehouse_uri: str, description: dict[str, Any]
) -> None:
    ensure_raw_tables(warehouse_uri, parse(description))
    with open_session(warehouse_uri) as publishing:
        insert_reading(publishing)
        with open_session(warehouse_uri) as planning:
            planning.execute("set local lock_timeout = '100ms'")
            ensure_raw_tables(planning, parse(description))


@pytest.mark.parametrize("column", ["valid_from", "valid_to"])
def test_a_row_of_a_snapshot_has_its_period(warehouse_uri: str, description: dict[str, Any], column: str) -> None:
    """Without one it would count at no as-of date, and nobody would notice."""
    ensure_raw_tables(warehouse_uri, parse(description))
    other = {"valid_from": "valid_to", "valid_to": "valid_from"}[column]

    with open_session(warehouse_uri) as session, pytest.raises(psycopg.errors.NotNullViolation, match=column):
        session.execute(f"insert into raw.machines (machine_id, {other}) values (1, '2026-01-01')")


def test_the_newest_snapshot_of_an_earlier_release_becomes_the_first_of_the_history(
    warehouse_uri: str, description: dict[str, Any]
) -> None:
    with open_session(warehouse_uri) as session:
        session.execute("create table raw.machines as select 7::bigint as machine_id")
        session.execute("insert into raw.partitions values ('machines', '2026-03-09', 1, 'hash', '2026-03-10 05:00Z')")

    for _ in range(2):
        ensure_raw_tables(warehouse_uri, parse(description))

    with open_session(warehouse_uri) as session:
        assert session.fetch_all("select * from raw.machines") == [
            {"machine_id": 7, "valid_from": date(2026, 3, 10), "valid_to": date.max}
        ]
        assert session.fetch_all("select batch_day, known_day, content_hash from raw.snapshots") == [
            {"batch_day": date(2026, 3, 9), "known_day": date(2026, 3, 9), "content_hash": "hash"}
        ]


def test_a_required_column_that_is_declared_later_is_refused_where_there_are_rows(
    warehouse_uri: str, description: dict[str, Any]
) -> None:
    ensure_raw_tables(warehouse_uri, parse(description))
    description["sources"]["readings"]["columns"]["noise"] = {"type": "float64"}
    with open_session(warehouse_uri) as session:
        insert_reading(session)

    with pytest.raises(WarehouseSchemaError, match=r"raw\.readings .*'noise' is missing.*nullable"):
        ensure_raw_tables(warehouse_uri, parse(description))

    with open_session(warehouse_uri) as session:
        session.execute("truncate raw.readings")
    ensure_raw_tables(warehouse_uri, parse(description))


def test_a_table_with_other_columns_is_refused_by_all_their_names(
    warehouse_uri: str, description: dict[str, Any]
) -> None:
    ensure_raw_tables(warehouse_uri, parse(description))
    columns = description["sources"]["readings"]["columns"]
    columns["Heat (in °C)"]["publish_type"] = "double precision"
    columns["noise"] = {"type": "float64", "nullable": True}
    del columns["it's"]

    with pytest.raises(WarehouseSchemaError) as caught:
        ensure_raw_tables(warehouse_uri, parse(description))

    message = str(caught.value)
    assert "column 'heat' is numeric(12,2), declared is double precision" in message
    assert """column "it's" is not declared""" in message
    assert "alter table" in message
    with open_session(warehouse_uri) as session:
        assert "noise" not in read_column_types(session, READINGS)


def test_starting_over_as_the_message_says_works(warehouse_uri: str, description: dict[str, Any]) -> None:
    ensure_raw_tables(warehouse_uri, parse(description))
    description["sources"]["readings"]["columns"]["machine_id"]["type"] = "string"
    with pytest.raises(WarehouseSchemaError) as caught:
        ensure_raw_tables(warehouse_uri, parse(description))

    commands = str(caught.value).partition("start over: ")[2].partition("; then")[0]
    with open_session(warehouse_uri) as session:
        session.execute(commands)

    ensure_raw_tables(warehouse_uri, parse(description))


@pytest.mark.parametrize("name", ["readings_day", "readings_day_idx", "readings_batch_day_idx"])
def test_sources_named_like_indexes_get_their_tables(
    warehouse_uri: str, description: dict[str, Any], name: str
) -> None:
    sources = description["sources"]
    description["sources"] = {name: sources["machines"], "readings": sources["readings"]}

    ensure_raw_tables(warehouse_uri, parse(description))

    with open_session(warehouse_uri) as session:
        assert read_column_types(session, TableName("raw", name)) == SNAPSHOT_COLUMNS


def test_a_name_that_an_index_has_taken_is_refused(warehouse_uri: str, description: dict[str, Any]) -> None:
    ensure_raw_tables(warehouse_uri, parse(description))
    description["sources"]["readings_day_idx"] = description["sources"]["machines"]

    with pytest.raises(WarehouseSchemaError, match=r"raw\.readings_day_idx should be a plain table and is an index"):
        ensure_raw_tables(warehouse_uri, parse(description))


def test_a_session_can_be_given_and_its_rollback_undoes_all(warehouse_uri: str, description: dict[str, Any]) -> None:
    with pytest.raises(RuntimeError), open_session(warehouse_uri) as session:
        ensure_raw_tables(session, parse(description))
        assert read_column_types(session, READINGS)
        raise RuntimeError

    with open_session(warehouse_uri) as session:
        assert read_column_types(session, READINGS) == {}


def test_making_tables_is_no_lineage_and_logs_nothing(
    warehouse_uri: str, description: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with trace_tables() as trace:
        ensure_raw_tables(warehouse_uri, parse(description))
        description["sources"]["readings"]["columns"]["noise"] = {"type": "float64"}
        ensure_raw_tables(warehouse_uri, parse(description))

    assert (list(trace.reads), list(trace.writes)) == ([], [])
    assert [record for record in caplog.records if record.name != "sqlglot"] == []


def test_a_comparison_changes_nothing_and_tells_what_a_run_would_do(
    warehouse_uri: str, description: dict[str, Any]
) -> None:
    sources = parse_section(description, SourceSettings, "development", "sources.yml")
    with open_session(warehouse_uri) as session:
        assert compare_raw_table(session, "readings", sources.sources["readings"]) is None
        assert read_column_types(session, READINGS) == {}
    ensure_raw_tables(warehouse_uri, sources)
    with open_session(warehouse_uri) as session:
        session.execute("alter table raw.readings drop heat")
        found = compare_raw_table(session, "readings", sources.sources["readings"])
        assert found is not None
        assert (found.missing, found.problems) == (("heat",), ())
        assert "heat" not in read_column_types(session, READINGS)


def test_a_table_of_an_earlier_release_is_compared_as_what_it_will_be(
    warehouse_uri: str, description: dict[str, Any]
) -> None:
    sources = parse_section(description, SourceSettings, "development", "sources.yml")
    columns = ", ".join(f'"{name}" {kind}' for name, kind in sources.sources["readings"].published_types.items())
    with open_session(warehouse_uri) as session:
        session.execute(f"create table raw.readings ({columns})")
        session.execute("create table raw.machines (machine_id bigint)")
        readings = compare_raw_table(session, "readings", sources.sources["readings"])
        machines = compare_raw_table(session, "machines", sources.sources["machines"])
    assert readings is not None and machines is not None
    assert (readings.missing, readings.problems) == ((), ())
    assert (machines.missing, machines.problems) == (("valid_from", "valid_to"), ())
