"""A registered version as something that answers: ONNX, and nothing that unpickles."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from include.errors import ServingError
from include.features.catalog import FeatureKind
from include.features.matrix import from_rows
from include.registry.contract import ModelContract
from include.registry.files import fetch_onnx
from include.registry.ledger import require_version
from include.registry.onnx import OnnxModel
from include.serving.feature_reader import select_entities
from include.serving.request_check import RequestCheck
from include.warehouse.session import open_session

Loader = Callable[[str, int], "ServedModel"]
"""Opens a version of a model, by the model's name and the version's number."""

_WARM_UPS: Final = 3
_NEUTRAL: Final[Mapping[FeatureKind, Any]] = {"numeric": 0.0, "boolean": False, "categorical": ""}


@dataclass(frozen=True)
class ServedModel:
    """One version in memory.

    Attributes:
        run_ms: what one row took, as measured when it was opened.
        check: what a request to this version alone must fulfil.
    """

    version: int
    onnx: OnnxModel
    run_ms: float
    check: RequestCheck

    @property
    def contract(self) -> ModelContract:
        """What the version takes and what its output means."""
        return self.onnx.contract

    @cached_property
    def feature_names(self) -> tuple[str, ...]:
        """The features that it takes."""
        return tuple(feature.name for feature in self.contract.features)

    @cached_property
    def lookup_sql(self) -> str:
        """The query for its features (see ``include.serving.feature_reader.select_entities``)."""
        return select_entities(self.contract)

    def predict(self, rows: Sequence[Mapping[str, Any]]) -> Any:
        """The predictions for rows of features (see ``include.tasks.task.Task``), unchecked.

        Raises:
            ServingError: a feature is missing, or the model did not answer once for each row.
        """
        return run_model(self.onnx, self.version, rows)


def run_model(onnx: OnnxModel, version: int, rows: Sequence[Mapping[str, Any]]) -> Any:
    """See :meth:`ServedModel.predict`."""
    try:
        matrix = from_rows(rows, onnx.contract.features)
    except KeyError as error:
        raise ServingError(f"version {version} needs feature {error}, which is not there") from error
    predictions = onnx.predict(matrix)
    if len(predictions) != len(rows):
        raise ServingError(f"version {version} gave {len(predictions)} answers to {len(rows)} rows")
    return predictions


def open_model(onnx_path: Path, version: int) -> ServedModel:
    """Open an ONNX file and run it a few times, so that the first request does not pay for it.

    Raises:
        ServingError: the file is no ONNX model, or does not fit its own contract.
    """
    onnx = OnnxModel(onnx_path)
    row = {feature.name: _NEUTRAL[feature.kind] for feature in onnx.contract.features}
    run_model(onnx, version, [row])
    run_ms = min(_time_run(onnx, version, row) for _ in range(_WARM_UPS))
    return ServedModel(version, onnx, run_ms, RequestCheck(onnx.contract))


def _time_run(onnx: OnnxModel, version: int, row: Mapping[str, Any]) -> float:
    began_at = time.perf_counter()
    run_model(onnx, version, [row])
    return (time.perf_counter() - began_at) * 1000


def make_registry_loader(uri: str, tracking_uri: str, folder: Path) -> Loader:
    """A loader that fetches versions into ``folder/NAME/VERSION`` and opens them: those that ``ml.versions`` has.

    Args:
        uri: the warehouse, which says what file a version is; MLflow only hands it out.
    """

    def load(model_name: str, version: int) -> ServedModel:
        with open_session(uri) as session:
            wanted = require_version(session, model_name, version)
        return open_model(fetch_onnx(tracking_uri, wanted, folder / model_name / str(version)), version)

    return load
