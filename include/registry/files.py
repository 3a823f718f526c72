"""Fetches the file of a model and checks that it is the one that was tested."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Final

from include.errors import RegistryError
from include.registry.ledger import RegisteredVersion
from include.registry.onnx import ONNX_FILE
from include.registry.rest import MlflowRest

_LOGGED: Final = "models:/"
_DESCRIPTION: Final = "MLmodel"


def fetch_onnx(tracking_uri: str, version: RegisteredVersion, folder: Path) -> Path:
    """Download a version's ONNX file into ``folder``; see :func:`fetch_file`."""
    title = f"{version.model_name} {version.version}"
    return fetch_file(tracking_uri, version.model_uri, version.onnx_sha256, folder, title)


def fetch_file(tracking_uri: str, model_uri: str, sha256: str, folder: Path, title: str) -> Path:
    """Download a logged model's ONNX file into ``folder``, unless the right one is there already.

    The file appears whole or not at all. It is found by the logged model, whatever the registry's numbers and tags say.

    Args:
        model_uri: ``models:/m-…``.
        sha256: of the file that was tested, as ``ml.candidates`` has it.
        title: of the model, for people.

    Raises:
        RegistryError: MLflow is away, the logged model or its file is gone, or the file is not the one that was tested.
    """
    path = folder / ONNX_FILE
    if not path.exists() or hash_file(path) != sha256:
        _write_whole(path, read_file(tracking_uri, model_uri, sha256, title))
    return path


def read_file(tracking_uri: str, model_uri: str, sha256: str, title: str) -> bytes:
    """A logged model's ONNX file; see :func:`fetch_file`."""
    if not model_uri.startswith(f"{_LOGGED}m-"):
        raise RegistryError(f"The file of {title} is at {model_uri!r}, which is no logged model of MLflow. Train anew.")
    with MlflowRest(tracking_uri) as mlflow:
        logged = mlflow.get(f"logged-models/{model_uri.removeprefix(_LOGGED)}", {})
        content = mlflow.download(logged["model"]["info"]["artifact_uri"], ONNX_FILE)
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise RegistryError(
            f"The file of {title} is not the one that was tested: SHA-256 is {found}, tested was {sha256}. "
            "It was changed in the artifact store. Do not serve it: roll back, and train anew."
        )
    return content


def list_files(tracking_uri: str, model_uri: str) -> dict[str, bytes | None]:
    """Every file of a logged model by its path, with the content of ``MLmodel``, which says how it is loaded.

    Raises:
        RegistryError: MLflow is away, or the logged model is gone.
    """
    with MlflowRest(tracking_uri) as mlflow:
        logged = mlflow.get(f"logged-models/{model_uri.removeprefix(_LOGGED)}", {})
        root = logged["model"]["info"]["artifact_uri"]
        paths = mlflow.list_artifacts(root)
        return {path: mlflow.download(root, path) if path == _DESCRIPTION else None for path in paths}


def hash_file(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write_whole(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, suffix=".part")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    Path(draft).replace(path)
