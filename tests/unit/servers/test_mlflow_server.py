"""MLflow in one process: a real server, a real client, artifacts by way of the server, and nobody is told."""

from __future__ import annotations

from pathlib import Path

import httpx
import mlflow
import pytest

from tests.unit.registry.mlflow_server import start_shared_server


@pytest.fixture(scope="module")
def url() -> str:
    """The address of the server that the tests share."""
    return start_shared_server().uri


@pytest.fixture(scope="module")
def artifacts() -> Path:
    """The folder that the server keeps artifacts in."""
    return start_shared_server().artifacts


def test_what_is_logged_is_kept_by_the_server(url: str, artifacts: Path) -> None:
    client = mlflow.MlflowClient(tracking_uri=url, registry_uri=url)
    experiment = client.create_experiment("plant")
    run = client.create_run(experiment)
    assert str(run.info.artifact_uri).startswith("mlflow-artifacts:/")
    client.log_metric(run.info.run_id, "auc", 0.83)
    client.log_text(run.info.run_id, "a picture of a machine", "notes/machine.txt")
    assert client.get_run(run.info.run_id).data.metrics == {"auc": 0.83}
    (kept,) = artifacts.rglob("machine.txt")
    assert kept.read_text() == "a picture of a machine"


def test_the_registry_is_served_as_well(url: str) -> None:
    client = mlflow.MlflowClient(tracking_uri=url, registry_uri=url)
    client.create_registered_model("failure")
    assert "failure" in [model.name for model in client.search_registered_models()]


def test_its_pages_are_told_to_report_nothing(url: str) -> None:
    answer = httpx.get(f"{url}/ajax-api/3.0/mlflow/ui-telemetry", trust_env=False)
    assert answer.json()["disable_ui_telemetry"] is True
