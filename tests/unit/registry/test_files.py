"""A fetched file is the registered one, or none."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from include.errors import RegistryError
from include.registry.onnx import OnnxModel
from include.registry.registry import fetch_onnx, register_candidate
from tests.unit.registry.conftest import CONTRACT, MakeResult
from tests.unit.registry.mlflow_server import MlflowServer


def find_artifact(server: MlflowServer, model_uri: str) -> Path:
    """Where the server keeps the file of a logged model."""
    return next(server.artifacts.glob(f"*/models/{model_uri.removeprefix('models:/')}/artifacts/model.onnx"))


def test_a_fetched_version_is_byte_by_byte_what_was_logged(
    tracking_uri: str, model_name: str, make_result: MakeResult, onnx_bytes: bytes, tmp_path: Path
) -> None:
    result = make_result()
    version = register_candidate(tracking_uri, model_name, result, "production")
    found = fetch_onnx(tracking_uri, model_name, version, tmp_path / "new folder")
    assert found.onnx_path.read_bytes() == onnx_bytes
    assert found.sha256 == hashlib.sha256(onnx_bytes).hexdigest()
    assert found.version == version
    assert OnnxModel(found.onnx_path).contract == CONTRACT
    assert [path.name for path in found.onnx_path.parent.iterdir()] == ["model.onnx"]


def test_a_file_that_is_there_already_is_not_downloaded_again(
    mlflow_server: MlflowServer, model_name: str, make_result: MakeResult, tmp_path: Path
) -> None:
    result = make_result()
    version = register_candidate(mlflow_server.uri, model_name, result, "production")
    first = fetch_onnx(mlflow_server.uri, model_name, version, tmp_path)
    find_artifact(mlflow_server, result["model_uri"]).unlink()
    assert fetch_onnx(mlflow_server.uri, model_name, version, tmp_path) == first


def test_a_broken_file_on_disk_is_fetched_anew(
    tracking_uri: str, model_name: str, make_result: MakeResult, onnx_bytes: bytes, tmp_path: Path
) -> None:
    version = register_candidate(tracking_uri, model_name, make_result(), "production")
    (tmp_path / "model.onnx").write_bytes(onnx_bytes[:100])
    assert fetch_onnx(tracking_uri, model_name, version, tmp_path).onnx_path.read_bytes() == onnx_bytes


def test_a_file_changed_in_the_store_is_refused_and_nothing_is_written(
    mlflow_server: MlflowServer, model_name: str, make_result: MakeResult, tmp_path: Path
) -> None:
    result = make_result()
    version = register_candidate(mlflow_server.uri, model_name, result, "production")
    stored = find_artifact(mlflow_server, result["model_uri"])
    stored.write_bytes(stored.read_bytes() + b"\0")
    with pytest.raises(RegistryError, match=f"The file of {model_name} {version} is not the one that was tested"):
        fetch_onnx(mlflow_server.uri, model_name, version, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_missing_in_the_store_is_a_registry_error(
    mlflow_server: MlflowServer, model_name: str, make_result: MakeResult, tmp_path: Path
) -> None:
    result = make_result()
    version = register_candidate(mlflow_server.uri, model_name, result, "production")
    find_artifact(mlflow_server, result["model_uri"]).unlink()
    with pytest.raises(RegistryError, match="refused GET"):
        fetch_onnx(mlflow_server.uri, model_name, version, tmp_path)


def test_a_version_that_does_not_exist_is_a_registry_error(tracking_uri: str, model_name: str, tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match=f"{model_name}.*not found"):
        fetch_onnx(tracking_uri, model_name, 7, tmp_path)


def test_a_version_that_another_tool_registered_is_refused_with_the_missing_tag_named(
    tracking_uri: str, model_name: str, make_result: MakeResult, tmp_path: Path
) -> None:
    import httpx

    result = make_result()
    api = f"{tracking_uri}/api/2.0/mlflow"
    httpx.post(f"{api}/registered-models/create", json={"name": model_name}).raise_for_status()
    model_id = result["model_uri"].removeprefix("models:/")
    content = {"name": model_name, "source": result["model_uri"], "run_id": result["run_id"], "model_id": model_id}
    httpx.post(f"{api}/model-versions/create", json=content).raise_for_status()
    with pytest.raises(RegistryError, match="no tag 'onnx_sha256'"):
        fetch_onnx(tracking_uri, model_name, 1, tmp_path)
