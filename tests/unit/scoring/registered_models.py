"""A real MLflow server on loopback, and ONNX models registered in it as training does."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from include.local.ports import find_free_port
from include.registry.onnx import export_onnx
from include.registry.registry import register_candidate
from include.registry.tracking import log_onnx, open_run

MODEL = "churn"
FEATURES = ("days_since_purchase", "baskets_28d", "spend_28d")
TEST_AS_OF_DATE = "2017-09-03"
_SERVER = pytest.StashKey[str]()


@pytest.fixture(scope="session")
def mlflow_uri(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of an MLflow server of this session; one, whichever rooms ask for it."""
    known = pytestconfig.stash.get(_SERVER, None)
    if known is not None:
        return known
    folder = tmp_path_factory.mktemp("mlflow")
    uri = f"http://127.0.0.1:{find_free_port()}"
    pytestconfig.stash[_SERVER] = uri
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [
                sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", uri.rpartition(":")[2],
                "--workers", "1", "--backend-store-uri", f"sqlite:///{folder}/mlflow.db",
                "--serve-artifacts", "--artifacts-destination", str(folder / "artifacts"),
            ],
            stdout=log, stderr=log, start_new_session=True, cwd=folder,
            env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"},
        )  # fmt: skip
    pytestconfig.add_cleanup(lambda: stop_group(process))
    wait_for(uri, process, folder / "log")
    return uri


def wait_for(uri: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the server answers; fail with its log when it died."""
    while process.poll() is None:
        try:
            if httpx.get(f"{uri}/health").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    pytest.fail(f"MLflow did not start:\n{log.read_text()[-2000:]}")


def stop_group(process: subprocess.Popen[bytes]) -> None:
    """End the server and its workers."""
    os.killpg(process.pid, signal.SIGTERM)
    process.wait()


def make_onnx(is_numeric: bool = True) -> bytes:
    """A regression for which churn grows with the days since a purchase; or one that answers no numbers."""
    import numpy as np
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
    with open_run(tracking_uri, "tests", "test", {}) as mlflow:
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
