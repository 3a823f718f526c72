"""A real MLflow server, and results of training that are quick to make."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pytest

from include.features.catalog import Entity, Feature, GroupTable, Key
from include.registry.contract import ModelContract
from include.registry.onnx import export_onnx
from include.registry.tracking import log_onnx, open_run
from include.warehouse.names import TableName
from tests.unit.registry.mlflow_server import MlflowServer, start_shared_server
from tests.unit.registry.planting import make_measured

FEATURES = (
    Feature("wear", "numeric", "machine_features"),
    Feature("is_covered", "boolean", "machine_features"),
    Feature("uses", "numeric", "machine_features"),
)
GROUP = GroupTable(
    "machine_features", TableName("features", "machine_features"), TableName("online", "machine_features"), "day", 1
)
CONTRACT = ModelContract(
    model="machines", task="binary", entity=Entity("machine", (Key("machine_id", "integer"),)), label="failed",
    groups=(GROUP,), features=FEATURES, decision={"threshold": 0.123456789012345},
    test_as_of_date=date(2017, 12, 4), horizon_days=28,
)  # fmt: skip
_names = itertools.count()

MakeResult = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def mlflow_server() -> MlflowServer:
    """A real MLflow on loopback."""
    return start_shared_server()


@pytest.fixture(scope="session")
def tracking_uri(mlflow_server: MlflowServer) -> str:
    """Where MLflow answers."""
    return mlflow_server.uri


@pytest.fixture
def model_name() -> str:
    """A registered model of this test's own."""
    return f"machines_registry_{next(_names)}"


@pytest.fixture(scope="session")
def classifier() -> Any:
    """A fitted pipeline over three numbers: failures grow with the first and fall with the second."""
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows = np.random.default_rng(1).normal(size=(400, 3)).astype(np.float32)
    labels = (rows[:, 0] - rows[:, 1] + np.random.default_rng(2).normal(size=400) > 0).astype(np.int64)
    return make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()).fit(rows, labels)


@pytest.fixture(scope="session")
def onnx_bytes(classifier: Any) -> bytes:
    """The classifier as ONNX."""
    return export_onnx(classifier, CONTRACT)


@pytest.fixture
def make_result(tracking_uri: str, onnx_bytes: bytes, model_name: str) -> MakeResult:
    """Logs a run with a model; returns what ``fit_family`` would, with fields replaced at will."""

    def make(**replaced: Any) -> dict[str, Any]:
        with open_run(tracking_uri, model_name, "fit", {"family": "logistic_regression"}) as mlflow:
            model_uri = log_onnx(onnx_bytes, CONTRACT)
            run_id = mlflow.active_run().info.run_id
        sha256 = hashlib.sha256(onnx_bytes).hexdigest()
        return make_measured(run_id=run_id, model_uri=model_uri, onnx_sha256=sha256) | replaced

    return make
