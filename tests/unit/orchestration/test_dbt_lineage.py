"""A dbt build under Cosmos reports node by node, and Cosmos's own flattened report stays out."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from include.orchestration import dbt_lineage
from include.orchestration.dbt_lineage import emit_dbt_lineage
from tests.unit.orchestration.conftest import ObservedRun

PRODUCER = "observed.dbt_producer_watcher"


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


def test_a_report_that_fails_leaves_the_task_and_the_report_of_cosmos(
    tmp_path: Path, airflow_home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from airflow.providers.openlineage import api

    monkeypatch.setattr(api, "is_openlineage_active", lambda: True)
    context: dict[str, Any] = {"ti": None, "task": SimpleNamespace(openlineage_events_completes=["flattened"])}

    with caplog.at_level(logging.WARNING):
        emit_dbt_lineage(str(tmp_path), context=context, find_uri=lambda: "postgresql://u:p@h/w")

    assert "was not reported" in caplog.text
    assert context["task"].openlineage_events_completes == ["flattened"]


def test_without_openlineage_nothing_is_read(
    tmp_path: Path, airflow_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> int:
        raise AssertionError("the artifacts were read")

    monkeypatch.setattr(dbt_lineage, "emit_run", refuse)

    emit_dbt_lineage(str(tmp_path), context={})
