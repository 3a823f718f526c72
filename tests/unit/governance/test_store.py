"""What the lineage store answers: who produced a table, and which tables nobody did."""

from __future__ import annotations

import json
import time
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest

from include.governance.approvals import Approval, record_approval
from include.governance.commit_facet import COMMIT_FACET, describe_commit
from include.governance.events import LineageRecord, parse_event
from include.governance.store import find_unproduced, insert_events, list_producers, list_written_tables
from include.warehouse.fence import take_fence
from include.warehouse.names import TableName
from include.warehouse.partitions import ensure_day_partitions, ensure_partitioned_table
from include.warehouse.session import open_session

APPROVALS, FENCES = TableName("governance", "approvals"), TableName("governance", "fences")


def make_record(
    database: str,
    table: str | None,
    *,
    job: str = "dag.task",
    event_type: str = "COMPLETE",
    minute: int = 0,
    run_id: str | None = None,
    is_committed: bool = False,
) -> LineageRecord:
    """An event with one output (none without a table); ours where it says that the output is committed."""
    output: dict[str, Any] = {"namespace": "postgres://127.0.0.1:5432", "name": f"{database}.{table}"}
    if is_committed:
        output["facets"] = {COMMIT_FACET: describe_commit(datetime.now(UTC))}
    event: dict[str, Any] = {
        "eventType": event_type,
        "eventTime": f"2026-11-22T12:{minute:02}:00Z",
        "run": {"runId": run_id or str(uuid4())},
        "job": {"namespace": "default", "name": job},
        "inputs": [],
        "outputs": [output] if table else [],
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
                make_record("another_database", "ml.w", job="elsewhere"),
                make_record(database, "ml.Mixed Case", job="foreign"),
                make_record(database, "ml", job="no table"),
            ],
        )

        assert list_producers(session) == {TableName("raw", "t"): "newer"}


@pytest.mark.parametrize("event_type", ["START", "RUNNING", "FAIL", "ABORT", "OTHER"])
def test_a_run_that_did_not_complete_has_produced_what_it_committed_and_nothing_else(
    warehouse_uri: str, database: str, event_type: str
) -> None:
    with open_session(warehouse_uri) as session:
        insert_events(
            session,
            [
                make_record(database, "ml.t", event_type=event_type),
                make_record(database, "ml.u", event_type=event_type, job="ours", is_committed=True),
            ],
        )

        assert list_producers(session) == {TableName("ml", "u"): "ours"}


@pytest.mark.parametrize(("end", "expected"), [("COMPLETE", {TableName("ml", "t"): "foreign"}), ("FAIL", {})])
def test_what_a_foreign_run_names_while_it_runs_counts_once_it_is_complete(
    warehouse_uri: str, database: str, end: str, expected: dict[TableName, str]
) -> None:
    run_id = str(uuid4())

    with open_session(warehouse_uri) as session:
        insert_events(
            session,
            [
                make_record(database, "ml.t", job="foreign", event_type="RUNNING", run_id=run_id),
                make_record(database, None, job="foreign", event_type=end, run_id=run_id, minute=1),
            ],
        )

        assert list_producers(session) == expected


def test_a_commit_facet_without_a_time_says_nothing(warehouse_uri: str, database: str) -> None:
    record = make_record(database, "ml.t", event_type="RUNNING")
    for facets in ({COMMIT_FACET: {}}, {COMMIT_FACET: None}, None, "facets"):
        record.event["outputs"][0]["facets"] = facets
        with open_session(warehouse_uri) as session:
            insert_events(session, [parse_event(json.dumps(record.event).encode())])

    with open_session(warehouse_uri) as session:
        assert session.fetch_value("select count(*) from governance.lineage_events") == 4
        assert list_producers(session) == {}


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


def test_a_partition_that_was_written_counts_as_its_table(warehouse_uri: str) -> None:
    table = TableName("ml", "scores")
    with open_session(warehouse_uri) as session:
        ensure_partitioned_table(session, table, {"day": "date", "machine_id": "bigint"}, ["day", "machine_id"], "day")
        ensure_day_partitions(session, table, [date(2026, 3, 9), date(2026, 3, 10)])
        session.execute("insert into ml.scores values ('2026-03-09', 1), ('2026-03-10', 1)")
        session.execute("create table raw.written as select 1 as a")

    assert wait_for_tables(warehouse_uri, 2) == [table, TableName("raw", "written")]


def test_the_ledger_and_the_fences_need_a_producer_too(warehouse_uri: str, database: str) -> None:
    with open_session(warehouse_uri) as session:
        take_fence(session, "ingest")
        record_approval(session, Approval("churn", 2, "Approve", "ada", "grace", "deploy_model", "manual__1"))
        insert_events(session, [make_record(database, "raw.t")])
    written = [APPROVALS, FENCES]

    assert wait_for_tables(warehouse_uri, 2) == written
    with open_session(warehouse_uri) as session:
        assert find_unproduced(session, written) == written
        insert_events(session, [make_record(database, "governance.fences", event_type="RUNNING", is_committed=True)])
        assert find_unproduced(session, written) == [APPROVALS]
        insert_events(session, [make_record(database, "governance.approvals", event_type="RUNNING", is_committed=True)])
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
