"""A real MLflow server, and results of training that are quick to make."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from include.registry.onnx import export_onnx
from include.registry.tracking import log_onnx, open_run
from tests.unit.registry.mlflow_server import MlflowServer, start_shared_server

FEATURES = ["recency_days", "orders_28d", "spend_28d"]
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
    return f"churn-registry-{next(_names)}"


@pytest.fixture(scope="session")
def classifier() -> Any:
    """A fitted pipeline over three features: churn grows with recency and falls with orders."""
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
    return export_onnx(classifier, len(FEATURES))


@pytest.fixture
def make_result(tracking_uri: str, onnx_bytes: bytes, model_name: str) -> MakeResult:
    """Logs a run with a model; returns what ``fit_family`` would, with fields replaced at will."""

    def make(**replaced: Any) -> dict[str, Any]:
        with open_run(tracking_uri, model_name, "fit", {"family": "logistic_regression"}) as mlflow:
            model_uri = log_onnx(onnx_bytes, len(FEATURES))
            run_id = mlflow.active_run().info.run_id
        figures = dict.fromkeys(("accuracy", "f1", "precision", "recall", "log_loss", "brier"), 0.5)
        return {
            **figures,
            "auc": 0.85,
            "auc_low": 0.83,
            "auc_high": 0.87,
            "family": "logistic_regression",
            "data_version": "d1",
            "feature_version": "f1",
            "code_revision": "c1",
            "trained_by": "scientist",
            "test_as_of_date": "2017-12-04",
            "feature_names": FEATURES,
            "threshold": 0.123456789012345,
            "onnx_sha256": hashlib.sha256(onnx_bytes).hexdigest(),
            "baseline_feature": None,
            "run_id": run_id,
            "model_uri": model_uri,
        } | replaced

    return make
