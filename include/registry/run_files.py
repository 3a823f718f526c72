"""The ONNX file of a run that is not registered (yet), verified."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from include.errors import RegistryError
from include.registry.onnx import ONNX_FILE
from include.registry.rest import MlflowRest


def read_run_onnx(tracking_uri: str, result: Mapping[str, Any]) -> bytes:
    """The served form of a trained model, as it was when it was measured.

    Args:
        result: what ``include.training.fit.fit_family`` returned.

    Raises:
        RegistryError: MLflow is away, or the file is not the one that was measured.
    """
    logged = str(result["model_uri"]).removeprefix("models:/")
    with MlflowRest(tracking_uri) as mlflow:
        artifact_uri = mlflow.get(f"logged-models/{logged}", {})["model"]["info"]["artifact_uri"]
        content = mlflow.download(artifact_uri, ONNX_FILE)
    found, expected = hashlib.sha256(content).hexdigest(), result["onnx_sha256"]
    if found != expected:
        raise RegistryError(
            f"The file of the run {result['run_id']} is not the one that was measured: SHA-256 is {found}, measured "
            f"was {expected}. It was changed in the artifact store: look who writes there, and train anew."
        )
    return content
