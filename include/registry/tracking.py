"""The MLflow client, opened for one training run: no telemetry, and an outage shows within seconds."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from include.errors import RegistryError
from include.features.matrix import split_names
from include.registry.contract import ModelContract
from include.registry.onnx import CATEGORICAL, NUMERIC
from include.registry.rest import MlflowRest, describe_outage
from include.tasks import TASKS

log = logging.getLogger(__name__)

# What the client says when it has no answer.
_NO_REFUSALS: Final = ("INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED")
_CLIENT_ENVIRONMENT: Final = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": "false",
}


def check_tracking(tracking_uri: str) -> None:
    """Ask MLflow for a sign of life, before work is spent on something that could not be logged.

    Raises:
        RegistryError: MLflow is away.
    """
    with MlflowRest(tracking_uri) as mlflow:
        mlflow.check_health()


@contextmanager
def open_run(tracking_uri: str, experiment: str, name: str, tags: Mapping[str, str]) -> Iterator[Any]:
    """One MLflow run: yields the ``mlflow`` module with the run active; a failing block marks it FAILED.

    Args:
        experiment: created when it is absent, restored when somebody has deleted it.
        name: the run's name.

    Raises:
        RegistryError: MLflow is away, or refuses; the message says what to check.
    """
    restore_experiment(tracking_uri, experiment)
    with client_environment():
        import mlflow
        import requests
        from mlflow.exceptions import MlflowException

        try:
            mlflow.set_tracking_uri(tracking_uri)
            mlflow.set_experiment(experiment)
            with mlflow.start_run(run_name=name, tags=dict(tags)):
                yield mlflow
        except MlflowException as error:
            if error.error_code in _NO_REFUSALS:
                raise RegistryError(describe_outage(tracking_uri, error)) from error
            raise RegistryError(f"MLflow at {tracking_uri} refused ({error.error_code}): {error.message}") from error
        except requests.RequestException as error:
            raise RegistryError(describe_outage(tracking_uri, error)) from error


def restore_experiment(tracking_uri: str, experiment: str) -> None:
    """Restore an experiment that somebody has deleted: MLflow logs into none that is.

    Raises:
        RegistryError: MLflow is away.
    """
    with MlflowRest(tracking_uri) as mlflow:
        found = mlflow.find("experiments/get-by-name", {"experiment_name": experiment})
        if found is not None and found["experiment"].get("lifecycle_stage") == "deleted":
            mlflow.send("experiments/restore", {"experiment_id": found["experiment"]["experiment_id"]})
            log.warning("The experiment %r was deleted in MLflow. It is restored, with its runs.", experiment)


@contextmanager
def client_environment() -> Iterator[None]:
    """The client reads its limits from the environment at each call; what was set before comes back."""
    before = {key: os.environ.get(key) for key in _CLIENT_ENVIRONMENT}
    os.environ.update(_CLIENT_ENVIRONMENT)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value


def _make_example(spec: Any) -> Any:
    """One row without any value, as an input takes it: not a number, and empty text."""
    import numpy as np

    empty = "" if spec.type.kind == "U" else np.nan
    return np.full((1, spec.shape[1]), empty, dtype=spec.type)


def log_onnx(onnx: bytes, contract: ModelContract) -> str:
    """Log an ONNX model with its signature to the active run; returns its URI, ``models:/m-…``.

    The file is stored byte by byte as given, so that its SHA-256 stays what it is.
    """
    import mlflow.onnx
    import numpy as np
    import onnx as onnx_library
    import onnxruntime
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    numeric, categorical = split_names(contract.features)
    single, text = np.dtype(np.float32), np.dtype(np.str_)
    inputs = [TensorSpec(single, (-1, len(numeric)), NUMERIC)] if numeric else []
    inputs += [TensorSpec(text, (-1, len(categorical)), CATEGORICAL)] if categorical else []
    outputs = Schema([TensorSpec(single, (-1, -1), TASKS[contract.task].output_name)])
    info = mlflow.onnx.log_model(
        onnx_library.load_model_from_string(onnx),
        name="model",
        signature=ModelSignature(inputs=Schema(inputs), outputs=outputs),
        # Named, because MLflow would otherwise start a process to find out.
        pip_requirements=[f"onnxruntime=={onnxruntime.__version__}", f"numpy=={np.__version__}"],
        save_as_external_data=False,
        onnx_execution_providers=["CPUExecutionProvider"],
        input_example={spec.name: _make_example(spec) for spec in inputs},
    )
    return str(info.model_uri)
