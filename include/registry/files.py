"""Fetches the file of a registered version and checks that it is the one that was tested."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from include.errors import RegistryError
from include.registry.onnx import ONNX_FILE
from include.registry.rest import MlflowRest
from include.registry.version import parse_version


@dataclass(frozen=True)
class LoadedModelFiles:
    """A version on disk, verified; what it takes and means is in its contract (``include.registry.contract``).

    Attributes:
        sha256: of the file, equal to the version's tag.
    """

    onnx_path: Path
    version: int
    sha256: str


def fetch_onnx(tracking_uri: str, model_name: str, version: int, folder: Path) -> LoadedModelFiles:
    """Download a version's ONNX file into ``folder``, unless the right one is there already.

    The file appears whole or not at all.

    Raises:
        RegistryError: MLflow is away, there is no such version, or the file is not the one that was
            registered (its SHA-256 differs from the tag ``onnx_sha256``).
    """
    with MlflowRest(tracking_uri) as mlflow:
        key = {"name": model_name, "version": str(version)}
        found = parse_version(mlflow.get("model-versions/get", key)["model_version"], aliases=())
        expected = found.require_tag("onnx_sha256")
        path = folder / ONNX_FILE
        if not path.exists() or hash_file(path) != expected:
            artifact_uri = mlflow.get("model-versions/get-download-uri", key)["artifact_uri"]
            _write_verified(path, mlflow.download(artifact_uri, ONNX_FILE), expected, f"{model_name} {version}")
    return LoadedModelFiles(onnx_path=path, version=found.version, sha256=expected)


def hash_file(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write_verified(path: Path, content: bytes, expected: str, name: str) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise RegistryError(
            f"The file of {name} is not the one that was tested: SHA-256 is {found}, registered was {expected}. "
            "It was changed in the artifact store. Do not serve it: roll back, and train anew."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, suffix=".part")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    Path(draft).replace(path)
