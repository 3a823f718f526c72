"""Importance finds what a model relies on, of whatever kind."""

from __future__ import annotations

import numpy as np
import pytest

from include.registry.onnx import OnnxModel
from include.settings.models import TaskName
from include.training.fit import train_model
from include.training.importance import measure_importance
from include.training.splits import SplitData, read_training_data
from tests.model.machines import KINDS, load_training, make_frame, make_spec


@pytest.fixture(scope="module", params=["binary", "multiclass", "regression"])
def trained(request: pytest.FixtureRequest) -> tuple[OnnxModel, SplitData]:
    """A boosted model of each task, and its test rows."""
    task: TaskName = request.param
    spec, settings = make_spec(task), load_training(task)
    data = read_training_data(make_frame(task), spec, settings)
    return OnnxModel(train_model(data, "gradient_boosting", spec, settings).onnx), data.test


def test_what_decides_comes_first_and_noise_costs_little(trained: tuple[OnnxModel, SplitData]) -> None:
    found = measure_importance(*trained, seed=1)
    assert set(found) == set(KINDS)
    assert next(iter(found)) == "wear"
    assert found["wear"] > 0.1
    assert min(found["site"], found["is_covered"]) > max(abs(found["paint"]), abs(found["temperature"]))


def test_the_rows_are_left_as_they_were(trained: tuple[OnnxModel, SplitData]) -> None:
    model, split = trained
    numeric, categorical = split.matrix.numeric.copy(), split.matrix.categorical.copy()
    first = measure_importance(model, split, seed=1)
    np.testing.assert_array_equal(split.matrix.numeric, numeric)
    np.testing.assert_array_equal(split.matrix.categorical, categorical)
    assert measure_importance(model, split, seed=1) == first
