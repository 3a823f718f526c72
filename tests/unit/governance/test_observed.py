"""What a trace observed becomes datasets: committed outputs, partitions under their table's name."""

from __future__ import annotations

import json
from datetime import date, datetime

import pytest
from openlineage.client.serde import Serde

from include.governance.commit_facet import COMMIT_FACET, describe_commit
from include.governance.datasets import DatasetNames
from include.governance.observed import describe_trace, is_flow_touched
from include.warehouse.names import TableName
from include.warehouse.partitions import ensure_day_partitions, ensure_partitioned_table
from include.warehouse.session import open_session
from include.warehouse.trace import record_read, record_write, trace_tables

SCORES = TableName("ml", "scores")


@pytest.fixture
def scores(warehouse_uri: str) -> TableName:
    """A table with two day partitions."""
    with open_session(warehouse_uri) as session:
        ensure_partitioned_table(session, SCORES, {"day": "date", "machine_id": "bigint"}, ["day", "machine_id"], "day")
        ensure_day_partitions(session, SCORES, [date(2026, 3, 9), date(2026, 3, 10)])
    return SCORES


def test_partitions_are_reported_as_their_table(warehouse_uri: str, scores: TableName) -> None:
    with trace_tables() as trace, open_session(warehouse_uri) as session:
        session.execute("insert into ml.scores_20260309 values ('2026-03-09', 1)")
        session.execute("insert into ml.scores_20260310 values ('2026-03-10', 1)")
        session.fetch_all("select * from ml.scores_20260309 union all select * from ml.scores")
    inputs, outputs = describe_trace(trace, warehouse_uri)

    name = DatasetNames.from_uri(warehouse_uri).name_table(scores)
    assert [one.name for one in inputs] == [name]
    assert [one.name for one in outputs] == [name]
    assert [field.name for field in outputs[0].facets["schema"].fields] == ["day", "machine_id"]


def test_an_output_says_when_it_was_committed_and_an_input_does_not(warehouse_uri: str, scores: TableName) -> None:
    with trace_tables() as trace, open_session(warehouse_uri) as session:
        session.execute("insert into ml.scores select '2026-03-09', 1 from raw.partitions")
    inputs, outputs = describe_trace(trace, warehouse_uri)

    facet = json.loads(Serde.to_json(outputs[0]))["facets"][COMMIT_FACET]
    assert datetime.fromisoformat(facet["committedAt"]) == trace.writes[scores]
    assert set(facet) == set(describe_commit(trace.writes[scores]))
    assert COMMIT_FACET not in inputs[0].facets


def test_without_the_warehouse_tables_are_still_named(dead_uri: str) -> None:
    with trace_tables() as trace:
        record_read("raw.a")
        record_write("ml.t")
    inputs, outputs = describe_trace(trace, dead_uri)

    assert [one.name for one in (*inputs, *outputs)] == ["none.raw.a", "none.ml.t"]
    assert set(outputs[0].facets) == {COMMIT_FACET}


def test_the_listeners_tables_are_no_flow() -> None:
    with trace_tables() as trace:
        record_write("governance.lineage_events")
    assert not is_flow_touched(trace)

    with trace_tables() as trace:
        record_read("governance.approvals")
    assert is_flow_touched(trace)
