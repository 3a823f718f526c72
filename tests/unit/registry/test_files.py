"""A fetched file is the one that was tested, or none."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from include.errors import RegistryError
from include.registry.files import fetch_onnx
from include.registry.ledger import RegisteredVersion, require_version
from include.registry.onnx import OnnxModel
from include.servers.ports import find_free_port
from include.warehouse.session import open_session
from tests.unit.registry.conftest import CONTRACT, MakeResult
from tests.unit.registry.mlflow_server import MlflowServer
from tests.unit.registry.planting import plant_version, register


def find_artifact(server: MlflowServer, model_uri: str) -> Path:
    """Where the server keeps the file of a logged model."""
    return next(server.artifacts.glob(f"*/models/{model_uri.removeprefix('models:/')}/artifacts/model.onnx"))


def read(uri: str, model_name: str, version: int) -> RegisteredVersion:
    with open_session(uri) as session:
        return require_version(session, model_name, version)


@pytest.fixture
def version(warehouse_uri: str, model_name: str, make_result: MakeResult) -> RegisteredVersion:
    """A version whose file is logged."""
    return read(warehouse_uri, model_name, plant_version(warehouse_uri, model_name, make_result()))


def test_a_fetched_version_is_byte_by_byte_what_was_logged(
    tracking_uri: str, version: RegisteredVersion, onnx_bytes: bytes, tmp_path: Path
) -> None:
    path = fetch_onnx(tracking_uri, version, tmp_path / "new folder")
    assert path.read_bytes() == onnx_bytes
    assert version.onnx_sha256 == hashlib.sha256(onnx_bytes).hexdigest()
    assert OnnxModel(path).contract == CONTRACT
    assert [file.name for file in path.parent.iterdir()] == ["model.onnx"]


def test_a_file_that_is_there_already_is_not_downloaded_again(
    tracking_uri: str, version: RegisteredVersion, tmp_path: Path
) -> None:
    path = fetch_onnx(tracking_uri, version, tmp_path)
    assert fetch_onnx(f"http://127.0.0.1:{find_free_port()}", version, tmp_path) == path


def test_a_broken_file_on_disk_is_fetched_anew(
    tracking_uri: str, version: RegisteredVersion, onnx_bytes: bytes, tmp_path: Path
) -> None:
    (tmp_path / "model.onnx").write_bytes(onnx_bytes[:100])
    assert fetch_onnx(tracking_uri, version, tmp_path).read_bytes() == onnx_bytes


def test_a_file_changed_in_the_store_is_refused_and_nothing_is_written(
    mlflow_server: MlflowServer, version: RegisteredVersion, tmp_path: Path
) -> None:
    stored = find_artifact(mlflow_server, version.model_uri)
    stored.write_bytes(stored.read_bytes() + b"\0")
    with pytest.raises(RegistryError, match=f"The file of {version.model_name} 1 is not the one that was tested"):
        fetch_onnx(mlflow_server.uri, version, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_whoever_changes_the_file_and_the_tag_that_has_its_hash_is_refused_too(
    mlflow_server: MlflowServer, warehouse_uri: str, model_name: str, make_result: MakeResult, tmp_path: Path
) -> None:
    number = register(warehouse_uri, mlflow_server.uri, model_name, make_result())
    version = read(warehouse_uri, model_name, number)
    stored = find_artifact(mlflow_server, version.model_uri)
    stored.write_bytes(stored.read_bytes() + b"\0")
    tag = {
        "name": model_name,
        "version": "1",
        "key": "onnx_sha256",
        "value": hashlib.sha256(stored.read_bytes()).hexdigest(),
    }
    httpx.post(f"{mlflow_server.uri}/api/2.0/mlflow/model-versions/set-tag", json=tag).raise_for_status()
    with pytest.raises(RegistryError, match="is not the one that was tested"):
        fetch_onnx(mlflow_server.uri, version, tmp_path)


def test_a_file_missing_in_the_store_is_a_registry_error(
    mlflow_server: MlflowServer, version: RegisteredVersion, tmp_path: Path
) -> None:
    find_artifact(mlflow_server, version.model_uri).unlink()
    with pytest.raises(RegistryError, match="refused GET"):
        fetch_onnx(mlflow_server.uri, version, tmp_path)


def test_a_logged_model_that_does_not_exist_is_a_registry_error(
    tracking_uri: str, version: RegisteredVersion, tmp_path: Path
) -> None:
    with pytest.raises(RegistryError, match="not found"):
        fetch_onnx(tracking_uri, replace(version, model_uri="models:/m-0123"), tmp_path)


@pytest.mark.parametrize(
    "model_uri", ["file:///etc/passwd", "models:/other/1", "models:/../../secret", "", "runs:/1/m"]
)
def test_what_is_no_logged_model_is_not_asked_for(version: RegisteredVersion, model_uri: str, tmp_path: Path) -> None:
    nowhere = f"http://127.0.0.1:{find_free_port()}"
    with pytest.raises(RegistryError, match="is no logged model"):
        fetch_onnx(nowhere, replace(version, model_uri=model_uri), tmp_path)


def test_a_model_that_was_deleted_in_the_registry_can_still_be_fetched(
    mlflow_server: MlflowServer, warehouse_uri: str, model_name: str, make_result: MakeResult, tmp_path: Path
) -> None:
    number = register(warehouse_uri, mlflow_server.uri, model_name, make_result())
    api = f"{mlflow_server.uri}/api/2.0/mlflow/registered-models/delete"
    httpx.request("DELETE", api, json={"name": model_name}).raise_for_status()
    assert fetch_onnx(mlflow_server.uri, read(warehouse_uri, model_name, number), tmp_path).is_file()
