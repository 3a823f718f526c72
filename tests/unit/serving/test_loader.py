"""The server's own process, over a real registry: versions are fetched, verified and opened, or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from include.errors import RegistryError
from include.registry.onnx import OnnxModel
from include.registry.registry import register_candidate
from include.rollout.state import bootstrap_champion, require_rollout, start_canary
from include.serving.loader import make_registry_loader
from include.warehouse.session import open_session
from tests.unit.registry.conftest import FEATURES, MakeResult
from tests.unit.registry.mlflow_server import MlflowServer
from tests.unit.registry.test_files import find_artifact
from tests.unit.serving.live_server import get, post, read_log, wait_until
from tests.unit.serving.test_main import run_server


def test_a_registered_version_answers_like_its_file(
    tracking_uri: str, model_name: str, make_result: MakeResult, onnx_bytes: bytes, tmp_path: Path
) -> None:
    version = register_candidate(tracking_uri, model_name, make_result(), "production")
    model = make_registry_loader(tracking_uri, model_name, tmp_path)(version)
    assert (model.version, model.feature_names) == (version, tuple(FEATURES))
    assert model.threshold == 0.123456789012345
    rows = [dict(zip(FEATURES, (1.0, -2.0, None), strict=True)), dict.fromkeys(FEATURES, 0.5)]
    expected = OnnxModel(onnx_bytes).predict(np.array([[1.0, -2.0, np.nan], [0.5, 0.5, 0.5]], dtype=np.float32))
    assert model.predict(rows) == expected.tolist()


def test_a_version_that_is_not_registered_is_a_registry_error(
    tracking_uri: str, model_name: str, tmp_path: Path
) -> None:
    with pytest.raises(RegistryError):
        make_registry_loader(tracking_uri, model_name, tmp_path)(7)


def test_a_file_that_was_changed_in_the_store_is_never_asked(
    warehouse_uri: str, mlflow_server: MlflowServer, model_name: str, make_result: MakeResult
) -> None:
    champion = register_candidate(mlflow_server.uri, model_name, make_result(), "production")
    tampered = make_result()
    challenger = register_candidate(mlflow_server.uri, model_name, tampered, "production")
    stored = find_artifact(mlflow_server, tampered["model_uri"])
    stored.write_bytes(stored.read_bytes() + b"\0")
    with open_session(warehouse_uri) as session:
        bootstrap_champion(session, model_name, champion)
    environment = {
        "ORRERY_WAREHOUSE_URI": warehouse_uri,
        "ORRERY_MLFLOW_URI": mlflow_server.uri,
        "ORRERY_MODEL_NAME": model_name,
    }
    with run_server(environment) as url:
        wait_until(lambda: get(f"{url}/readyz").status_code == 200)
        with open_session(warehouse_uri) as session:
            start_canary(session, require_rollout(session, model_name), challenger, 1.0)
        body = {"features": dict.fromkeys(FEATURES, 0.5)}

        def has_failed() -> bool:
            answer = post(f"{url}/predict", json=body)
            assert (answer.status_code, answer.json()["model_version"]) == (200, champion)
            return any(slot["status"] == "failed" for slot in get(url).json()["versions"])

        wait_until(has_failed)
        assert post(f"{url}/predict", json=body).json()["variant"] == "champion"
    errors = [row["error"] for row in read_log(warehouse_uri) if row["variant"] == "challenger"]
    assert errors
    assert all("is not the one that was tested" in error for error in errors)
