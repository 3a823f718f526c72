"""ONNX models, registered in a real MLflow as training does."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest

from include.registry.onnx import export_onnx
from include.registry.registry import register_candidate
from include.registry.tracking import log_onnx, open_run
from tests.unit.registry.mlflow_server import start_shared_server

MODEL = "churn-scoring"
FEATURES = ("days_since_purchase", "baskets_28d", "spend_28d")
TEST_AS_OF_DATE = "2017-09-03"


@pytest.fixture(scope="session")
def mlflow_uri() -> str:
    """The address of a real MLflow server on loopback."""
    return start_shared_server().uri


def make_onnx(is_numeric: bool = True) -> bytes:
    """A regression for which churn grows with the days since a purchase; or one that answers no numbers."""
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    random = np.random.default_rng(7)
    rows = random.uniform(0, 50, size=(400, len(FEATURES))).astype(np.float32)
    churned = (rows[:, 0] + random.normal(0, 10, 400) > 35).astype(int)
    model = make_pipeline(SimpleImputer(), LogisticRegression()).fit(rows, churned)
    if not is_numeric:
        model[-1].coef_[:] = np.nan
    return export_onnx(model, len(FEATURES))


def register(tracking_uri: str, model_name: str, onnx: bytes, **tags: Any) -> int:
    """Register a model as a candidate; ``tags`` replaces what its training would have measured."""
    with open_run(tracking_uri, model_name, "test", {}) as mlflow:
        model_uri = log_onnx(onnx, len(FEATURES))
        run_id = mlflow.active_run().info.run_id
    result = {
        "run_id": run_id,
        "model_uri": model_uri,
        "onnx_sha256": hashlib.sha256(onnx).hexdigest(),
        "feature_names": list(FEATURES),
        "threshold": 0.5,
        "auc": 0.9,
        "auc_low": 0.88,
        "auc_high": 0.92,
        **dict.fromkeys(("accuracy", "f1", "precision", "recall", "log_loss", "brier"), 0.5),
        **dict.fromkeys(("family", "data_version", "feature_version", "code_revision", "trained_by"), "test"),
        "test_as_of_date": TEST_AS_OF_DATE,
    }
    return register_candidate(tracking_uri, model_name, {**result, **tags}, "production")
