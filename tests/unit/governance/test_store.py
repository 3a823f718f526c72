"""What the lineage store answers: who produced a table, and which tables nobody did."""

from __future__ import annotations

import json
import time
from typing import Any
from uuid import uuid4

import pytest

from include.governance.approvals import Approval, record_approval
from include.governance.events import LineageRecord, parse_event
from include.governance.store import find_unproduced, insert_events, list_producers, list_written_tables
from include.warehouse.fence import take_fence
from include.warehouse.names import TableName
from include.warehouse.session import open_session

APPROVALS, FENCES = TableName("governance", "approvals"), TableName("governance", "fences")


def make_record(
    database: str, table: str, *, job: str = "dag.task", event_type: str = "COMPLETE", minute: int = 0
) -> LineageRecord:
    event: dict[str, Any] = {
        "eventType": event_type,
        "eventTime": f"2026-11-22T12:{minute:02}:00Z",
        "run": {"runId": str(uuid4())},
        "job": {"namespace": "default", "name": job},
        "inputs": [],
        "outputs": [{"namespace": "postgres://127.0.0.1:5432", "name": f"{database}.{table}"}],
    }
    return parse_event(json.dumps(event).encode())


@pytest.fixture
def database(warehouse_uri: str) -> str:
    return warehouse_uri.rsplit("/", 1)[1]


def test_an_event_is_stored_once(warehouse_uri: str, database: str) -> None:
    record = make_record(database, "raw.t")
    other = make_record(database, "raw.u")

    with open_session(warehouse_uri) as session:
        assert insert_events(session, [record, record]) == 1
        assert insert_events(session, [record, other]) == 1
        assert insert_events(session, []) == 0
        row = session.fetch_one("select * from governance.lineage_events where event_id = %s", (record.event_id,))

    assert row is not None
    assert row["outputs"] == [f"postgres://127.0.0.1:5432/{database}.raw.t"]
    assert row["event"] == record.event
    assert (row["event_time"], row["run_id"], row["job_name"]) == (record.event_time, record.run_id, "dag.task")


def test_the_newest_event_names_the_producer(warehouse_uri: str, database: str) -> None:
    with open_session(warehouse_uri) as session:
        insert_events(
            session,
            [
                make_record(database, "raw.t", job="newer", minute=5),
                make_record(database, "raw.t", job="older", minute=1),
                make_record(database, "ml.t", job="running", event_type="RUNNING"),
                make_record(database, "ml.u", job="started", event_type="START"),
                make_record(database, "ml.v", job="failed", event_type="FAIL"),
                make_record("another_database", "ml.w", job="elsewhere"),
            ],
        )

        assert list_producers(session) == {TableName("raw", "t"): "newer", TableName("ml", "t"): "running"}


def test_a_table_that_no_event_names_is_found(warehouse_uri: str, database: str) -> None:
    tables = [TableName("raw", "t"), TableName("ml", "orphan")]

    with open_session(warehouse_uri) as session:
        insert_events(session, [make_record(database, "raw.t")])

        assert find_unproduced(session, tables) == [TableName("ml", "orphan")]


def test_written_tables_are_those_of_the_flow_that_hold_rows(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        session.execute("create table raw.written as select 1 as a")
        session.execute("create table features.built__dbt_tmp as select 1 as a")
        session.execute("alter table features.built__dbt_tmp rename to built")
        session.execute("create table ml.empty (a int)")
        session.execute("create view staging.seen as select * from raw.written")
        session.execute("insert into governance.migrations (name) values ('9999_test')")
        session.execute("create table public.elsewhere as select 1 as a")

    assert wait_for_tables(warehouse_uri, 2) == [TableName("features", "built"), TableName("raw", "written")]


def test_the_ledger_and_the_fences_need_a_producer_too(warehouse_uri: str, database: str) -> None:
    with open_session(warehouse_uri) as session:
        take_fence(session, "ingest")
        record_approval(session, Approval("churn", 2, "Approve", "ada", "grace", "deploy_model", "manual__1"))
        insert_events(session, [make_record(database, "raw.t")])
    written = [APPROVALS, FENCES]

    assert wait_for_tables(warehouse_uri, 2) == written
    with open_session(warehouse_uri) as session:
        assert find_unproduced(session, written) == written
        insert_events(session, [make_record(database, "governance.fences", event_type="RUNNING")])
        assert find_unproduced(session, written) == [APPROVALS]
        insert_events(session, [make_record(database, "governance.approvals", event_type="RUNNING")])
        assert find_unproduced(session, written) == []


def wait_for_tables(uri: str, count: int) -> list[TableName]:
    """PostgreSQL reports its counters a moment after the session that wrote ends."""
    tables: list[TableName] = []
    for _ in range(100):
        with open_session(uri) as session:
            tables = list_written_tables(session)
        if len(tables) >= count:
            break
        time.sleep(0.05)
    return tables
