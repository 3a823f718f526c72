"""MLflow in one process: a real server, a real client, artifacts by way of the server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest

from include.local.environment import base_environment
from include.local.health import answers_at
from include.local.ports import find_free_port
from include.local.processes import ProcessRecord
from include.settings import PROJECT_ROOT

NOBODY = ProcessRecord("mlflow", 0, 0.0, "")


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the server keeps artifacts in."""
    return tmp_path_factory.mktemp("mlflow") / "artifacts"


@pytest.fixture(scope="module")
def url(artifacts: Path) -> Iterator[str]:
    """The address of a server of this module's own."""
    port = find_free_port()
    environment = {
        **base_environment(os.environ),
        "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{artifacts.parent}/runs.db",
        "MLFLOW_ARTIFACTS_DESTINATION": str(artifacts),
    }
    command = [sys.executable, "-m", "include.local.mlflow_server", "--port", str(port)]
    with subprocess.Popen(command, env=environment, cwd=PROJECT_ROOT, stderr=subprocess.DEVNULL) as server:
        address = f"http://127.0.0.1:{port}"
        is_healthy = answers_at(f"{address}/health")
        while not is_healthy(NOBODY):
            assert server.poll() is None, "the server has ended"
        yield address
        server.terminate()
    assert server.returncode in (0, -15)


def test_what_is_logged_is_kept_by_the_server(url: str, artifacts: Path) -> None:
    client = mlflow.MlflowClient(tracking_uri=url, registry_uri=url)
    experiment = client.create_experiment("shop")
    run = client.create_run(experiment)
    assert str(run.info.artifact_uri).startswith("mlflow-artifacts:/")
    client.log_metric(run.info.run_id, "auc", 0.83)
    client.log_text(run.info.run_id, "a picture of a customer", "notes/customer.txt")
    assert client.get_run(run.info.run_id).data.metrics == {"auc": 0.83}
    (kept,) = artifacts.rglob("customer.txt")
    assert kept.read_text() == "a picture of a customer"


def test_the_registry_is_served_as_well(url: str) -> None:
    client = mlflow.MlflowClient(tracking_uri=url, registry_uri=url)
    client.create_registered_model("churn")
    assert [model.name for model in client.search_registered_models()] == ["churn"]
