"""A real dbt run as OpenLineage events: per node, with columns, SQL, failures and test results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from include.governance.datasets import DatasetNames, find_columns
from include.governance.dbt_artifacts import DbtRun, load_run
from include.governance.dbt_events import EventContext, build_events, list_tables
from include.governance.events import parse_event
from include.governance.store import find_unproduced, insert_events
from include.warehouse.names import parse_table
from include.warehouse.session import open_session


@pytest.fixture
def run(dbt_target: Path) -> DbtRun:
    return load_run(dbt_target)


@pytest.fixture
def payloads(run: DbtRun, dbt_uri: str) -> list[bytes]:
    from openlineage.client.serde import Serde

    context = EventContext(DatasetNames.from_uri(dbt_uri), find_columns(dbt_uri, list_tables(run)), "default", {})
    return [Serde.to_json(event).encode() for event in build_events(run, context)]


@pytest.fixture
def events(payloads: list[bytes]) -> list[dict[str, Any]]:
    return [json.loads(payload) for payload in payloads]


def find_event(events: list[dict[str, Any]], job: str, event_type: str) -> dict[str, Any]:
    (found,) = [event for event in events if (event["job"]["name"], event["eventType"]) == (job, event_type)]
    return found


def test_each_node_has_a_pair_and_each_tested_table_one_event(events: list[dict[str, Any]]) -> None:
    assert sorted((event["job"]["name"], event["eventType"]) for event in events) == [
        ("dbt.model.shop.broken", "FAIL"),
        ("dbt.model.shop.broken", "START"),
        ("dbt.model.shop.customers", "COMPLETE"),
        ("dbt.model.shop.customers", "START"),
        ("dbt.model.shop.stg_sales", "COMPLETE"),
        ("dbt.model.shop.stg_sales", "START"),
        ("dbt.seed.shop.regions", "COMPLETE"),
        ("dbt.seed.shop.regions", "START"),
        ("dbt.tests.features.customers", "FAIL"),
    ]


def test_a_node_names_its_tables_columns_and_sql(events: list[dict[str, Any]], dbt_uri: str) -> None:
    names = DatasetNames.from_uri(dbt_uri)

    event = find_event(events, "dbt.model.shop.customers", "COMPLETE")

    (output,) = event["outputs"]
    assert [dataset["name"] for dataset in event["inputs"]] == ["dbt_shop.staging.stg_sales", "dbt_shop.raw.regions"]
    assert (output["namespace"], output["name"]) == (names.namespace, "dbt_shop.features.customers")
    assert {field["name"]: field["type"] for field in output["facets"]["schema"]["fields"]} == {
        "household_id": "bigint", "spend": "numeric", "region": "text", "lines": "bigint",
    }  # fmt: skip
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 3
    assert "__dbt__cte__int_sales" in event["job"]["facets"]["sql"]["query"]
    assert event["job"]["facets"]["documentation"]["description"] == "Spend of each household."


def test_columns_lead_back_through_the_ephemeral_model(events: list[dict[str, Any]]) -> None:
    event = find_event(events, "dbt.model.shop.customers", "COMPLETE")

    lineage = event["outputs"][0]["facets"]["columnLineage"]

    edges = {
        name: [(f["name"], f["field"], f["transformations"][0]["subtype"]) for f in column["inputFields"]]
        for name, column in lineage["fields"].items()
    }
    assert edges == {
        "household_id": [("dbt_shop.staging.stg_sales", "household_id", "IDENTITY")],
        "spend": [("dbt_shop.staging.stg_sales", "spend", "AGGREGATION")],
        "region": [("dbt_shop.raw.regions", "region", "AGGREGATION")],
        "lines": [],
    }
    assert {(f["field"], f["transformations"][0]["type"]) for f in lineage["dataset"]} >= {
        ("household_id", "INDIRECT"), ("shop_id", "INDIRECT"),
    }  # fmt: skip


def test_a_failed_node_carries_the_message(events: list[dict[str, Any]]) -> None:
    event = find_event(events, "dbt.model.shop.broken", "FAIL")

    assert "division by zero" in event["run"]["facets"]["errorMessage"]["message"]


def test_failed_and_passed_tests_are_assertions_on_the_table(events: list[dict[str, Any]]) -> None:
    event = find_event(events, "dbt.tests.features.customers", "FAIL")

    (dataset,) = event["inputs"]
    assertions = dataset["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert event["outputs"] == []
    assert {(a["assertion"], a.get("column"), a["success"], a["severity"], a["actual"]) for a in assertions} == {
        ("unique", "household_id", True, "error", "0"),
        ("not_null", "household_id", False, "error", "1"),
        ("not_null", "spend", False, "warn", "1"),
        ("custom_sql", None, True, "error", "0"),
    }


def test_a_warning_alone_does_not_fail_the_table(run: DbtRun, dbt_uri: str) -> None:
    results = [
        result
        for result in run.results["results"]
        if result["status"] in ("pass", "warn") and result["unique_id"].startswith("test.")
    ]
    warned = DbtRun(run.manifest, {**run.results, "results": results})

    (event,) = build_events(warned, EventContext(DatasetNames.from_uri(dbt_uri), {}, "default", {}))

    assert event.eventType is not None
    assert event.eventType.value == "COMPLETE"


def test_reporting_twice_stores_once_and_names_a_producer_for_what_was_built(
    payloads: list[bytes], dbt_uri: str
) -> None:
    records = [parse_event(payload) for payload in payloads]
    built = [parse_table(name) for name in ("raw.regions", "staging.stg_sales", "features.customers")]

    with open_session(dbt_uri) as session:
        assert insert_events(session, records) == len(records)
        assert insert_events(session, records) == 0
        assert find_unproduced(session, [*built, parse_table("features.broken")]) == [parse_table("features.broken")]


def test_without_columns_from_the_warehouse_the_tables_remain(run: DbtRun, dbt_uri: str) -> None:
    events = build_events(run, EventContext(DatasetNames.from_uri(dbt_uri), {}, "default", {}))

    outputs = [output.name for event in events for output in event.outputs or []]
    assert "dbt_shop.features.customers" in outputs
