"""Lineage of one DAG run in Airflow itself: plain tasks, dataframe tasks, mapped ones and a dbt build.

All tests of the run stand in this file, because the tests of one file share a process and with it the run.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from include.governance.commit_facet import COMMIT_FACET
from include.governance.store import list_producers
from include.servers.postgres import PostgresServer
from include.settings import PROJECT_ROOT
from include.warehouse.session import open_session
from tests.unit.governance.shop_project import fill_source, write_project

PRODUCER = "observed.dbt_producer_watcher"


@dataclass(frozen=True)
class ObservedRun:
    """What one run of ``observed_dag.py`` left behind."""

    uri: str
    log: str
    states: dict[str, str]
    events: list[dict[str, Any]]

    def list_datasets(self, job: str, event_type: str, side: str) -> list[list[str]]:
        """The tables, as ``schema.table``, of each such event."""
        return [
            [dataset["name"].split(".", 1)[1] for dataset in event[side]]
            for event in self.events
            if (event["job"]["name"], event["eventType"]) == (job, event_type)
        ]


@pytest.fixture(scope="module")
def observed_run(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> ObservedRun:
    """One run of ``observed_dag.py`` in an Airflow of its own; its lineage goes through the spool to the warehouse."""
    home = tmp_path_factory.mktemp("observed_airflow")
    uri = postgres.create_database("observed", template="warehouse_template")
    fill_source(uri)
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW__OPENLINEAGE")},
        "AIRFLOW__CORE__ALLOWED_DESERIALIZATION_CLASSES": "airflow.* astro.*",
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__CORE__DAGS_FOLDER": str(Path(__file__).parent),
        "AIRFLOW__OPENLINEAGE__TRANSPORT": '{"type": "include.governance.transport.SpoolTransport"}',
        "AIRFLOW_CONN_WAREHOUSE": uri,
        "OBSERVED_DBT_PROJECT": str(write_project(tmp_path_factory.mktemp("shop"))),
        "ORRERY_LINEAGE_SPOOL": str(tmp_path_factory.mktemp("spool")),
        "PYTHONPATH": str(PROJECT_ROOT),
    }

    def run(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, *command], env=environment, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False
        )
        output = done.stdout + done.stderr
        assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{output}"
        return output

    run("-m", "airflow", "db", "migrate")
    log = run(str(Path(__file__).parent / "observed_dag.py"))
    run("-m", "include.governance.shipper", "--once")
    return ObservedRun(uri, log, read_states(home), read_events(uri))


def read_states(airflow_home: Path) -> dict[str, str]:
    """State of each task, mapped ones with their index."""
    with sqlite3.connect(airflow_home / "airflow.db") as database:
        rows = database.execute("select task_id, map_index, state from task_instance").fetchall()
    return {task_id if index < 0 else f"{task_id}[{index}]": state for task_id, index, state in rows}


def read_events(uri: str) -> list[dict[str, Any]]:
    """The events in the lineage store, oldest first."""
    with open_session(uri) as session:
        rows = session.fetch_all("select event from governance.lineage_events order by event_time, event_id")
    return [row["event"] for row in rows]


def test_every_task_ends_as_it_would_without_lineage(observed_run: ObservedRun) -> None:
    assert observed_run.states == {
        "publish": "success",
        "assemble": "success",
        "fit[0]": "success",
        "fit[1]": "success",
        "judge": "success",
        "fail": "failed",
        "roll_back": "failed",
        "dbt_producer_watcher": "failed",
    }, observed_run.log[-5000:]


def test_a_traced_task_reports_what_it_touched_without_the_listeners_tables(observed_run: ObservedRun) -> None:
    assert observed_run.list_datasets("observed.publish", "RUNNING", "inputs") == [["raw.sales"]]
    assert observed_run.list_datasets("observed.publish", "RUNNING", "outputs") == [["ml.copy"]]


def test_what_an_audit_found_is_on_the_dataset_that_was_read(observed_run: ObservedRun) -> None:
    (event,) = [
        event
        for event in observed_run.events
        if (event["job"]["name"], event["eventType"]) == ("observed.publish", "RUNNING")
    ]

    facets = event["inputs"][0]["inputFacets"]
    assert [one["success"] for one in facets["dataQualityAssertions"]["assertions"]] == [False, True]
    assert facets["dataQualityAssertions"]["assertions"][0]["actual"] == "2 rows"
    assert facets["dataQualityMetrics"]["rowCount"] == 4
    assert facets["subset"]["inputCondition"]["partitions"] == [{"dimensions": {"batch_day": "2026-03-09"}}]


def test_the_report_belongs_to_the_run_of_the_task(observed_run: ObservedRun) -> None:
    runs = {
        event["eventType"]: event["run"]["runId"]
        for event in observed_run.events
        if event["job"]["name"] == "observed.publish"
    }

    assert set(runs) == {"START", "RUNNING", "COMPLETE"}
    assert len(set(runs.values())) == 1


def test_a_task_that_touches_no_table_reports_nothing(observed_run: ObservedRun) -> None:
    assert observed_run.list_datasets("observed.judge", "RUNNING", "inputs") == []
    assert observed_run.list_datasets("observed.judge", "COMPLETE", "inputs") == [[]]


def test_a_task_that_fails_still_reports_what_it_touched(observed_run: ObservedRun) -> None:
    assert observed_run.list_datasets("observed.fail", "RUNNING", "outputs") == [["ml.debris"]]
    assert observed_run.list_datasets("observed.fail", "FAIL", "outputs") == [[]]


def test_what_a_task_rolled_back_is_not_reported_and_what_it_committed_before_is(observed_run: ObservedRun) -> None:
    assert observed_run.list_datasets("observed.roll_back", "RUNNING", "inputs") == [["raw.sales"]]
    assert observed_run.list_datasets("observed.roll_back", "RUNNING", "outputs") == [["ml.kept"]]


def test_every_output_of_a_task_says_when_it_was_committed(observed_run: ObservedRun) -> None:
    outputs = {
        output["name"].split(".", 1)[1]: output["facets"].get(COMMIT_FACET, {}).get("committedAt")
        for event in observed_run.events
        if event["job"]["name"].startswith("observed.")
        for output in event["outputs"]
    }

    assert set(outputs) == {"ml.copy", "ml.training_set", "ml.debris", "ml.kept"}
    assert all(datetime.fromisoformat(at).tzinfo for at in outputs.values())


def test_the_store_names_the_producer_of_everything_that_is_there_and_of_nothing_else(
    observed_run: ObservedRun,
) -> None:
    with open_session(observed_run.uri) as session:
        produced = {str(table): job for table, job in list_producers(session).items()}

    assert produced == {
        "ml.copy": "observed.publish",
        "ml.training_set": "observed.assemble",
        "ml.debris": "observed.fail",
        "ml.kept": "observed.roll_back",
        "staging.stg_sales": "dbt.model.shop.stg_sales",
        "raw.regions": "dbt.seed.shop.regions",
        "features.customers": "dbt.model.shop.customers",
    }


def test_a_dataframe_task_names_the_tables_it_was_given_and_the_one_it_wrote(observed_run: ObservedRun) -> None:
    assert observed_run.list_datasets("observed.assemble", "COMPLETE", "inputs") == [["raw.sales"]]
    assert observed_run.list_datasets("observed.assemble", "COMPLETE", "outputs") == [["ml.training_set"]]


def test_every_mapped_dataframe_task_names_its_table(observed_run: ObservedRun) -> None:
    assert observed_run.list_datasets("observed.fit", "COMPLETE", "inputs") == [["ml.training_set"]] * 2
    assert observed_run.list_datasets("observed.fit", "COMPLETE", "outputs") == [[], []]


def test_columns_are_described(observed_run: ObservedRun) -> None:
    (event,) = [
        event
        for event in observed_run.events
        if (event["job"]["name"], event["eventType"]) == ("observed.assemble", "COMPLETE")
    ]

    fields = event["inputs"][0]["facets"]["schema"]["fields"]
    assert {field["name"]: field["type"] for field in fields} == {
        "household_id": "bigint",
        "shop_id": "integer",
        "sales_value": "numeric(12,2)",
    }


def test_each_model_reports_its_own_inputs_and_output(observed_run: ObservedRun) -> None:
    customers = "dbt.model.shop.customers"

    assert observed_run.list_datasets(customers, "COMPLETE", "inputs") == [["staging.stg_sales", "raw.regions"]]
    assert observed_run.list_datasets(customers, "COMPLETE", "outputs") == [["features.customers"]]


def test_a_failed_model_and_a_failed_test_are_reported(observed_run: ObservedRun) -> None:
    assert observed_run.list_datasets("dbt.model.shop.broken", "FAIL", "outputs") == [["features.broken"]]
    assert observed_run.list_datasets("dbt.tests.features.customers", "FAIL", "inputs") == [["features.customers"]]


def test_the_flattened_report_of_the_whole_build_stays_out(observed_run: ObservedRun) -> None:
    assert observed_run.list_datasets(PRODUCER, "FAIL", "inputs") == [[]]
    assert observed_run.list_datasets(PRODUCER, "FAIL", "outputs") == [[]]


def test_the_airflow_task_is_the_parent(observed_run: ObservedRun) -> None:
    run_ids = {event["run"]["runId"] for event in observed_run.events if event["job"]["name"] == PRODUCER}
    parents = [
        event["run"]["facets"]["parent"] for event in observed_run.events if event["job"]["name"].startswith("dbt.")
    ]

    assert parents
    assert {parent["run"]["runId"] for parent in parents} == run_ids
    assert {parent["job"]["name"] for parent in parents} == {PRODUCER}
    assert {parent["root"]["job"]["name"] for parent in parents} == {"observed"}
