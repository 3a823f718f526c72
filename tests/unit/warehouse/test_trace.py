"""Lineage is observed: what a statement reads and writes, and what is left out."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
import pytest

from include.warehouse.names import TableName
from include.warehouse.session import Session, open_session
from include.warehouse.trace import find_tables, read_statement, record_read, record_write, trace_tables

STATEMENTS = {
    "select * from raw.a join raw.b using (id)": (["raw.a", "raw.b"], []),
    "insert into ml.t (a) select a from raw.a on conflict (a) do update set a = 1": (["raw.a"], ["ml.t"]),
    "insert into ml.t (a) values (%s)": ([], ["ml.t"]),
    "delete from ml.t using raw.b where ml.t.a = raw.b.a": (["raw.b"], ["ml.t"]),
    "update ml.t set a = b.a from raw.b as b where b.day = %s::date": (["raw.b"], ["ml.t"]),
    "truncate ml.t, ml.u": ([], ["ml.t", "ml.u"]),
    "with w as (insert into ml.t select * from raw.a returning *) select * from w": (["raw.a"], ["ml.t"]),
    "merge into ml.t using raw.s on t.a = s.a when matched then delete": (["raw.s"], ["ml.t"]),
    "create table ml.t as select * from raw.z": (["raw.z"], ["ml.t"]),
    "create temporary table x on commit drop as select * from raw.t": (["raw.t"], []),
    "insert into ml.t select * from pg_temp.x": ([], ["ml.t"]),
    "copy raw.t from stdin": ([], ["raw.t"]),
    "copy raw.t to stdout": (["raw.t"], []),
    "select 1 from raw.t where name like '%%x'": (["raw.t"], []),
    "select 1 from raw.a; delete from ml.t": (["raw.a"], ["ml.t"]),
    'select * from "raw"."Mixed Case"': ([], []),
    "create table ml.t (a int)": ([], []),
    "create index on ml.t (a)": ([], []),
    "create schema if not exists raw": ([], []),
    "drop table if exists ml.t": ([], []),
    "select * from information_schema.columns": ([], []),
}


@pytest.mark.parametrize("sql", STATEMENTS, ids=lambda sql: sql[:40])
def test_a_statement_names_the_tables_whose_rows_it_moves(sql: str) -> None:
    reads, writes = find_tables(sql)

    assert ([str(table) for table in reads], [str(table) for table in writes]) == STATEMENTS[sql]


def test_nothing_is_recorded_outside_of_a_trace() -> None:
    record_read("raw.a")
    record_write("ml.t")

    with trace_tables() as trace:
        pass

    assert not trace.reads
    assert not trace.writes


def test_a_statement_that_cannot_be_parsed_is_left_out_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    with trace_tables() as trace:
        assert read_statement("select from where ((") == ((), ())
        record_read("raw.a")

    assert list(trace.reads) == [TableName("raw", "a")]
    assert "cannot be parsed" in caplog.text


def test_an_outer_trace_gets_what_the_inner_one_saw() -> None:
    with trace_tables() as outer:
        record_read("raw.a")
        with trace_tables() as inner:
            record_write("ml.t")

    assert list(inner.reads) == []
    assert list(outer.reads) == [TableName("raw", "a")]
    assert list(outer.writes) == [TableName("ml", "t")]


def test_a_session_reports_what_it_touches(warehouse_uri: str) -> None:
    with trace_tables() as trace, open_session(warehouse_uri) as session:
        session.execute("create table raw.a (id bigint)")
        session.execute("create table ml.t (id bigint)")
        session.execute_many("insert into raw.a values (%s)", [(1,), (2,)])
        session.execute("insert into ml.t select id from raw.a where id > %s", (1,))
        assert session.fetch_value("select count(*) from ml.t") == 1

    assert [str(table) for table in trace.reads] == ["raw.a", "ml.t"]
    assert [str(table) for table in trace.writes] == ["raw.a", "ml.t"]


def test_what_was_rolled_back_is_no_write(warehouse_uri: str) -> None:
    with trace_tables() as trace, pytest.raises(RuntimeError), open_session(warehouse_uri) as session:
        session.execute("create table ml.t as select source from raw.partitions")
        raise RuntimeError

    assert list(trace.reads) == [TableName("raw", "partitions")]
    assert list(trace.writes) == []


def test_what_a_savepoint_has_rolled_back_is_no_write_and_the_rest_is(warehouse_uri: str) -> None:
    def fail_within(session: Session) -> None:
        with session.savepoint():
            session.execute("create table ml.b as select 1 as id")
            raise ZeroDivisionError

    with trace_tables() as trace, open_session(warehouse_uri) as session:
        session.execute("create table ml.a as select 1 as id")
        with pytest.raises(ZeroDivisionError):
            fail_within(session)
        with session.savepoint():
            session.execute("create table ml.c as select 1 as id")

    assert sorted(str(table) for table in trace.writes) == ["ml.a", "ml.c"]
    with open_session(warehouse_uri) as session:
        assert session.fetch_value("select to_regclass('ml.b')") is None


def test_a_savepoint_at_the_beginning_commits_nothing_by_itself(warehouse_uri: str) -> None:
    def fail(session: Session) -> None:
        with session.savepoint():
            session.execute("create table ml.a as select 1 as id")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), open_session(warehouse_uri) as session:
        fail(session)

    with open_session(warehouse_uri) as session:
        assert session.fetch_value("select to_regclass('ml.a')") is None


def test_a_commit_in_the_middle_counts_and_what_follows_it_may_be_rolled_back(warehouse_uri: str) -> None:
    with trace_tables() as trace, pytest.raises(RuntimeError), open_session(warehouse_uri) as session:
        session.execute("create table ml.kept as select 1 as a")
        session.commit()
        session.execute("create table ml.lost as select 1 as a")
        raise RuntimeError

    with open_session(warehouse_uri) as session:
        assert session.fetch_value("select count(*) from ml.kept") == 1
        assert session.fetch_value("select to_regclass('ml.lost')") is None
    assert list(trace.writes) == [TableName("ml", "kept")]


def test_a_statement_that_failed_undoes_the_writes_before_it_also_where_the_error_was_caught(
    warehouse_uri: str,
) -> None:
    with trace_tables() as trace, open_session(warehouse_uri) as session:
        session.execute("create table ml.t as select 1 as a")
        with pytest.raises(psycopg.errors.DivisionByZero):
            session.execute("select 1 / 0")

    with open_session(warehouse_uri) as session:
        assert session.fetch_value("select to_regclass('ml.t')") is None
    assert list(trace.writes) == []


def test_a_commit_that_fails_is_no_write(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        session.execute("create table ml.t (a int primary key deferrable initially deferred)")

    with (
        trace_tables() as trace,
        pytest.raises(psycopg.errors.UniqueViolation),
        open_session(warehouse_uri) as session,
    ):
        session.execute("insert into ml.t values (1), (1)")

    assert list(trace.writes) == []


def test_a_write_belongs_to_the_trace_of_its_statement_once_it_is_committed(warehouse_uri: str) -> None:
    with trace_tables() as outer:
        with open_session(warehouse_uri) as session:
            with trace_tables() as inner:
                session.execute("create table ml.t as select 1 as a")
            assert (list(inner.writes), list(outer.writes)) == ([], [])

        assert list(inner.writes) == list(outer.writes) == [TableName("ml", "t")]


def test_a_write_says_when_it_was_committed(warehouse_uri: str) -> None:
    before = datetime.now(UTC)

    with trace_tables() as trace, open_session(warehouse_uri) as session:
        session.execute("create table ml.t as select 1 as a")

    assert before <= trace.writes[TableName("ml", "t")] <= datetime.now(UTC)


def test_statements_that_touch_no_rows_cause_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    for sql in ("alter table ml.t attach partition ml.t_1 for values from ('1') to ('2')", "comment on table a is ''"):
        assert read_statement(sql) == ((), ())

    assert caplog.text == ""
