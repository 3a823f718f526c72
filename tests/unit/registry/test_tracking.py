"""Runs, against a real MLflow server."""

from __future__ import annotations

import json
import os
from typing import Any

import httpx
import pytest

from include.errors import RegistryError
from include.registry.rest import MlflowRest
from include.registry.runs import tag_decision
from include.registry.tracking import open_run


def read_run(uri: str, run_id: str) -> dict[str, dict[str, Any]]:
    """A run as MLflow's API gives it."""
    answer = httpx.get(f"{uri}/api/2.0/mlflow/runs/get", params={"run_id": run_id}).raise_for_status()
    run: dict[str, dict[str, Any]] = answer.json()["run"]
    return run


def test_a_run_that_fails_is_marked_and_its_error_comes_through(tracking_uri: str, model_name: str) -> None:
    run_id = ""
    with pytest.raises(ZeroDivisionError), open_run(tracking_uri, model_name, "fit", {"family": "x"}) as mlflow:
        run_id = mlflow.active_run().info.run_id
        raise ZeroDivisionError
    run = read_run(tracking_uri, run_id)
    assert run["info"]["status"] == "FAILED"
    assert {"key": "family", "value": "x"} in run["data"]["tags"]


def test_the_environment_is_as_before_a_run(
    tracking_uri: str, model_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "9")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_TIMEOUT", raising=False)
    with open_run(tracking_uri, model_name, "fit", {}):
        assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "1"
    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "9"
    assert "MLFLOW_HTTP_REQUEST_TIMEOUT" not in os.environ


def test_what_was_decided_is_written_onto_the_run(tracking_uri: str, model_name: str) -> None:
    with open_run(tracking_uri, model_name, "decided", {}) as mlflow:
        run_id = mlflow.active_run().info.run_id
    gates = [{"name": "parity", "is_passed": False, "reason": "too far"}]
    tag_decision(tracking_uri, run_id, "refuse", gates, page="https://example.com/candidates/models/m/runs/r")
    tags = {tag["key"]: tag["value"] for tag in read_run(tracking_uri, run_id)["data"]["tags"]}
    assert (tags["decision"], json.loads(tags["gates"]), json.loads(tags["ranking"])) == ("refuse", gates, [])
    assert tags["mlflow.note.content"] == "[Page of this candidate](https://example.com/candidates/models/m/runs/r)"


def test_an_experiment_that_somebody_deleted_is_restored_with_its_runs(
    tracking_uri: str, model_name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with open_run(tracking_uri, model_name, "before", {}) as mlflow:
        before = mlflow.active_run().info
    with MlflowRest(tracking_uri) as rest:
        rest.send("experiments/delete", {"experiment_id": before.experiment_id})
    with open_run(tracking_uri, model_name, "after", {}) as mlflow:
        after = mlflow.active_run().info
    assert after.experiment_id == before.experiment_id
    assert read_run(tracking_uri, before.run_id)["info"]["lifecycle_stage"] == "active"
    assert f"The experiment {model_name!r} was deleted in MLflow. It is restored" in caplog.text


def test_what_mlflow_refuses_is_not_called_an_outage(tracking_uri: str, model_name: str) -> None:
    with (
        pytest.raises(RegistryError, match="refused") as caught,
        open_run(tracking_uri, model_name, "fit", {}) as mlflow,
    ):
        mlflow.log_param("family", "x")
        mlflow.log_param("family", "y")
    assert "is away" not in str(caught.value)
