"""The same training set, settings and seed give the same metrics, and the same ONNX file byte by byte."""

from __future__ import annotations

import pytest

from include.families.discovery import FAMILIES
from include.registry.onnx import OnnxModel
from include.settings.models import TaskName
from include.training.fit import measure_family, train_model
from include.training.splits import read_training_data
from tests.model.machines import load_training, make_frame, make_spec

TASKS: tuple[TaskName, ...] = ("binary", "multiclass", "regression")
CASES = [(task, "baseline") for task in TASKS]
CASES += [(task, name) for name, family in FAMILIES.items() for task in family.tasks]


@pytest.mark.parametrize(("task", "family"), CASES)
def test_a_family_that_is_fitted_twice_is_the_same_model(task: TaskName, family: str) -> None:
    settings, spec = load_training(task), make_spec(task)
    results = []
    for _ in range(2):
        data = read_training_data(make_frame(task), spec, settings)
        baseline = train_model(data, "baseline", spec, settings)
        fitted = train_model(data, family, spec, settings)
        results.append(measure_family(fitted, OnnxModel(fitted.onnx), baseline, data, settings))
        results[-1].pop("training_seconds")
    first, second = results
    assert first["onnx_sha256"] == second["onnx_sha256"]
    assert first == second
