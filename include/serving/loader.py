"""A registered version as something that answers: ONNX, and nothing that unpickles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from include.errors import ServingError
from include.registry.onnx import OnnxModel
from include.registry.registry import fetch_onnx

Loader = Callable[[int], "ServedModel"]


@dataclass(frozen=True)
class ServedModel:
    """One version in memory; ``threshold`` is the probability from which churn is predicted."""

    version: int
    feature_names: tuple[str, ...]
    threshold: float
    onnx: OnnxModel

    @cached_property
    def feature_set(self) -> frozenset[str]:
        """The feature names, to compare with."""
        return frozenset(self.feature_names)

    def predict(self, rows: Sequence[Mapping[str, float | None]]) -> list[float]:
        """What the model says of each row, unchecked; None values go in as NaN.

        Raises:
            ServingError: a feature is missing, or the model did not answer once for each row.
        """
        import numpy as np

        try:
            values = [[row[name] for name in self.feature_names] for row in rows]
        except KeyError as error:
            raise ServingError(f"version {self.version} needs feature {error}, which is not there") from error
        answers: list[float] = self.onnx.predict(np.array(values, dtype=np.float32)).tolist()
        if len(answers) != len(rows):
            raise ServingError(f"version {self.version} gave {len(answers)} answers to {len(rows)} rows")
        return answers


def open_model(onnx_path: Path, version: int, feature_names: Sequence[str], threshold: float) -> ServedModel:
    """Open an ONNX file and run it once, so that the first customer does not pay for it.

    Raises:
        ServingError: the file is no ONNX model, or does not take the features that it should.
    """
    model = ServedModel(version, tuple(feature_names), threshold, OnnxModel(onnx_path))
    if model.onnx.n_features != len(model.feature_names):
        raise ServingError(
            f"Version {version} takes {model.onnx.n_features} features and lists {len(model.feature_names)}. "
            "Register it again."
        )
    model.predict([dict.fromkeys(model.feature_names, 0.0)])
    return model


def make_registry_loader(tracking_uri: str, model_name: str, folder: Path) -> Loader:
    """A loader that fetches versions from the registry into ``folder`` and opens them."""

    def load(version: int) -> ServedModel:
        fetched = fetch_onnx(tracking_uri, model_name, version, folder / str(version))
        return open_model(fetched.onnx_path, version, fetched.feature_names, fetched.threshold)

    return load
