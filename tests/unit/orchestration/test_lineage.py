"""Lineage of tasks as Airflow runs them, and what happens to the task when lineage fails."""

from __future__ import annotations

import inspect
import logging
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from include.governance.commit_facet import COMMIT_FACET
from include.governance.store import list_producers
from include.orchestration import lineage
from include.orchestration.lineage import report_tables, traced
from include.warehouse.session import open_session
from include.warehouse.trace import record_read, record_write
from tests.unit.orchestration.conftest import ObservedRun


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


def test_traced_keeps_name_signature_and_result() -> None:
    def add(a: int, b: int = 1) -> int:
        """Add."""
        return a + b

    wrapped = traced(add)

    assert wrapped(1) == 2
    assert (wrapped.__name__, wrapped.__doc__) == ("add", "Add.")
    assert inspect.signature(wrapped) == inspect.signature(add)


def test_a_report_that_fails_leaves_the_task_alone(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError("no lineage today")

    monkeypatch.setattr(lineage, "report_trace", refuse)

    @traced
    def work() -> str:
        return "done"

    with caplog.at_level(logging.WARNING):
        assert work() == "done"

    assert "no lineage today" in caplog.text


def test_the_task_s_own_error_is_the_one_that_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError("no lineage today")

    monkeypatch.setattr(lineage, "report_trace", refuse)

    @traced
    def work() -> None:
        raise KeyError("the task's own")

    with pytest.raises(KeyError, match="the task's own"):
        work()


def test_without_openlineage_nothing_is_asked_of_the_warehouse(airflow_home: Path) -> None:
    def refuse() -> str:
        raise AssertionError("the warehouse was asked for")

    with report_tables(refuse) as trace:
        record_read("raw.a")
        record_write("ml.t")

    assert [str(table) for table in trace.writes] == ["ml.t"]
