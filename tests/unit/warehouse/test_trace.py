"""Lineage is observed: what a statement reads and writes, and what is left out."""

from __future__ import annotations

import pytest

from include.warehouse.names import TableName
from include.warehouse.session import open_session
from include.warehouse.trace import find_tables, record_read, record_statement, record_write, trace_tables

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
    record_statement("select * from raw.a")

    with trace_tables() as trace:
        pass

    assert not trace.reads
    assert not trace.writes


def test_a_statement_that_cannot_be_parsed_is_left_out_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    with trace_tables() as trace:
        record_statement("select from where ((")
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
