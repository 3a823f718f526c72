"""Every family of every task, fitted once on the machines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.families.discovery import FAMILIES
from include.features.spec import ModelSpec
from include.registry.onnx import OnnxModel
from include.settings.models import TaskName
from include.settings.training import TrainingSettings
from include.training.compare import measure_score
from include.training.fit import FittedFamily, train_model
from include.training.splits import SplitData, TrainingData, read_training_data
from tests.model.machines import load_training, make_frame, make_spec

TASKS: tuple[TaskName, ...] = ("binary", "multiclass", "regression")
CASES = [
    (task, family)
    for task in TASKS
    for family in ("baseline", *FAMILIES)
    if family == "baseline" or task in FAMILIES[family].tasks
]


@dataclass(frozen=True)
class World:
    """A task, its model's declaration and its training set."""

    task: TaskName
    spec: ModelSpec
    settings: TrainingSettings
    frame: pd.DataFrame
    data: TrainingData


@dataclass(frozen=True)
class Trained:
    """A fitted family with the form of it that serves."""

    world: World
    fitted: FittedFamily
    onnx: OnnxModel

    def score(self, split: SplitData) -> float:
        """The score of what serves."""
        return measure_score(self.onnx.task, split.labels, self.onnx.predict(split.matrix))

    def expect(self, split: SplitData) -> float:
        """The mean of the answers: of a probability (of the last class), or of the value."""
        return float(np.mean(last_column(self.onnx.predict(split.matrix))))


def last_column(predictions: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The only value of each row, or the last class's."""
    return predictions if predictions.ndim == 1 else predictions[:, -1]


@pytest.fixture(scope="session")
def worlds() -> dict[TaskName, World]:
    """The machines, with a label of each task."""
    found = {}
    for task in TASKS:
        spec, settings, frame = make_spec(task), load_training(task), make_frame(task)
        found[task] = World(task, spec, settings, frame, read_training_data(frame, spec, settings))
    return found


@pytest.fixture(scope="session", params=CASES, ids="-".join)
def trained(request: pytest.FixtureRequest, worlds: dict[TaskName, World]) -> Trained:
    """Each family of each task in turn."""
    task, family = request.param
    world = worlds[task]
    fitted = train_model(world.data, family, world.spec, world.settings)
    return Trained(world, fitted, OnnxModel(fitted.onnx))
