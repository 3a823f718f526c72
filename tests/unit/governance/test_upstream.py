"""The way back from a table to what was published, through real events."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from include.governance.events import parse_event
from include.governance.store import insert_events
from include.governance.upstream import trace_upstream
from include.warehouse.names import parse_table
from include.warehouse.session import open_session

FLOW = {
    "raw.readings": ["landing.readings"],
    "intermediate.days": ["raw.readings"],
    "features.states": ["intermediate.days", "features.states"],
    "features.labels": ["raw.readings", "raw.repairs"],
    "features.orphan": [],
    "features.ring_a": ["features.ring_b"],
    "features.ring_b": ["features.ring_a"],
}


def write(uri: str, table: str, inputs: list[str], minute: int = 0, job: str | None = None) -> None:
    database = uri.rsplit("/", 1)[1]

    def name(tables: list[str]) -> list[dict[str, str]]:
        return [{"namespace": "postgres://127.0.0.1:5432", "name": f"{database}.{one}"} for one in tables]

    event = {
        "eventType": "COMPLETE", "eventTime": f"2026-11-22T12:{minute:02}:00Z", "run": {"runId": str(uuid4())},
        "job": {"namespace": "default", "name": job or f"job.{table}"},
        "inputs": name(inputs), "outputs": name([table]),
    }  # fmt: skip
    with open_session(uri) as session:
        insert_events(session, [parse_event(json.dumps(event).encode())])


def trace(uri: str, *tables: str) -> tuple[list[str], list[str]]:
    with open_session(uri) as session:
        found = trace_upstream(session, [parse_table(table) for table in tables])
    return [*map(str, found.sources)], [*map(str, found.unexplained)]


@pytest.fixture
def uri(warehouse_uri: str) -> str:
    for table, inputs in FLOW.items():
        write(warehouse_uri, table, inputs)
    return warehouse_uri


@pytest.mark.parametrize(
    ("tables", "sources", "unexplained"),
    [
        (["features.states"], ["raw.readings"], []),
        (["features.states", "features.labels"], ["raw.readings", "raw.repairs"], []),
        (["features.orphan"], [], ["features.orphan"]),
        (["features.never"], [], ["features.never"]),
        (["features.ring_a"], [], []),
        (["raw.readings"], ["raw.readings"], []),
    ],
)
def test_the_way_back_ends_at_what_was_published_or_at_what_nobody_explains(
    uri: str, tables: list[str], sources: list[str], unexplained: list[str]
) -> None:
    assert trace(uri, *tables) == (sources, unexplained)


def test_of_a_job_the_newest_run_counts_and_of_all_jobs_each(uri: str) -> None:
    write(uri, "features.labels", ["raw.visits"], minute=5)
    assert trace(uri, "features.labels") == (["raw.visits"], [])
    write(uri, "features.labels", ["raw.readings"], minute=1, job="another")
    assert trace(uri, "features.labels") == (["raw.readings", "raw.visits"], [])


def test_tables_of_another_database_are_none_of_ours(uri: str) -> None:
    event = {
        "eventType": "COMPLETE", "eventTime": "2026-11-22T12:09:00Z", "run": {"runId": str(uuid4())},
        "job": {"namespace": "default", "name": "elsewhere"},
        "inputs": [{"namespace": "postgres://h:1", "name": "other.raw.secret"}],
        "outputs": [{"namespace": "postgres://h:1", "name": "other.features.orphan"}],
    }  # fmt: skip
    with open_session(uri) as session:
        insert_events(session, [parse_event(json.dumps(event).encode())])
    assert trace(uri, "features.orphan") == ([], ["features.orphan"])
