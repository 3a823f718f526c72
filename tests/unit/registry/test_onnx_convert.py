"""Every family as ONNX answers alike on rows that nobody would wish for, and gives the same bytes twice."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from include.families.discovery import FAMILIES
from include.features.catalog import Feature
from include.features.matrix import FeatureMatrix
from include.registry.contract import ModelContract
from include.registry.onnx import OnnxModel, export_onnx, measure_parity
from include.settings.task_name import TaskName
from include.tasks import TASKS
from include.training.families import build_family, build_inputs
from tests.model.machines import MACHINE, load_training, make_model

LIMIT = make_model("binary").gates.parity.max_difference
TASK_NAMES: tuple[TaskName, ...] = ("binary", "multiclass", "regression")


def list_changes(task: TaskName, family: str) -> list[dict[str, Any]]:
    """The usual parameters of a family, and those that give its graph another form."""
    known = set(FAMILIES[family].parameters.model_fields) if task != "regression" else set()
    changes: list[dict[str, Any]] = [{}]
    changes += [{"calibration": "sigmoid"}] if "calibration" in known else []
    changes += [{"class_weight": "balanced"}] if "class_weight" in known else []
    if family == "ensemble":
        changes += [{"kind": "stacking"}, {"members": ["xgboost", "lightgbm", "neural_network"]}]
    return changes


CASES = [
    (task, family, changed)
    for task in TASK_NAMES
    for family, found in FAMILIES.items()
    if task in found.tasks
    for changed in list_changes(task, family)
]
DECISIONS: dict[TaskName, dict[str, Any]] = {
    "binary": {"threshold": 0.5}, "multiclass": {"classes": ["a", "b", "c"]}, "regression": {},
}  # fmt: skip


def make_matrix(seed: int, n: int = 400) -> FeatureMatrix:
    """Decimals, a huge and a tiny scale, a constant, a column that is hardly ever there, flags; two kinds of text."""
    generator = np.random.default_rng(seed)
    numeric = np.column_stack(
        [
            np.round(generator.normal(size=n), 1),
            generator.normal(size=n) * 1e6,
            generator.normal(size=n) * 1e-6,
            np.full(n, 0.1),
            np.where(generator.random(n) < 0.02, 3.3, np.nan),
            generator.random(n) < 0.3,
            generator.gamma(0.3, 40.0, n).round(2),
        ]
    ).astype(np.float32)
    numeric[generator.random(n) < 0.15, 0] = np.nan
    categorical = generator.choice(["red", "blue", "", "Größe 漢字"], (n, 2)).astype(object)
    categorical[:3, 0] = "rare"
    return FeatureMatrix(
        numeric, categorical, tuple(f"x{index}" for index in range(numeric.shape[1])), ("colour", "other")
    )


def make_labels(matrix: FeatureMatrix, task: TaskName, seed: int) -> Any:
    """Labels that two columns and a text decide."""
    noise = np.random.default_rng(seed + 1000).normal(size=len(matrix))
    value = np.nan_to_num(matrix.numeric[:, 0]) + (matrix.categorical[:, 0] == "red") + 0.7 * noise
    if task == "regression":
        return 40.0 + 12.5 * value.astype(np.float64)
    return np.digitize(value, [0.4] if task == "binary" else [-0.2, 0.9])


def make_contract(task: TaskName, matrix: FeatureMatrix) -> ModelContract:
    """A contract over all columns."""
    features = tuple(Feature(name, "numeric", "group") for name in matrix.numeric_names)
    features += tuple(Feature(name, "categorical", "group") for name in matrix.categorical_names)
    day = date(2017, 12, 4)
    return ModelContract("machines", task, MACHINE, "label", (), features, DECISIONS[task], day, 28)


def list_awkward(matrix: FeatureMatrix) -> dict[str, FeatureMatrix]:
    """The rows, and what could be asked of a model that was fitted on them."""
    generator = np.random.default_rng(9)
    unknown, gaps = matrix.categorical.copy(), matrix.numeric.copy()
    unknown[::2] = "never seen"
    gaps[generator.random(gaps.shape) < 0.5] = np.nan
    gaps[0] = np.nan
    return {
        "as fitted": matrix,
        "unknown texts": replace(matrix, categorical=unknown),
        "gaps": replace(matrix, numeric=gaps),
        "just above": replace(matrix, numeric=np.nextafter(matrix.numeric, np.float32(np.inf))),
        "just below": replace(matrix, numeric=np.nextafter(matrix.numeric, np.float32(-np.inf))),
        "far out": replace(matrix, numeric=matrix.numeric * np.float32(-1000)),
        "zeros": replace(matrix, numeric=np.zeros_like(matrix.numeric)),
    }


@pytest.mark.parametrize(
    ("task", "family", "changed"), CASES, ids=[f"{a}-{b}-{'-'.join(c) or 'usual'}" for a, b, c in CASES]
)
def test_a_family_answers_alike_on_awkward_rows(task: TaskName, family: str, changed: dict[str, Any]) -> None:
    usual = load_training(task).parameters.model_dump()
    settings = load_training(task, parameters={**usual, family: {**usual[family], **changed}})
    for seed in (0,) if changed else (0, 1):
        matrix = make_matrix(seed)
        labels, contract = make_labels(matrix, task, seed), make_contract(task, matrix)
        model = build_family(family, matrix, TASKS[task], settings).fit(build_inputs(matrix), labels)
        exported = export_onnx(model, contract)
        assert export_onnx(model, contract) == exported
        onnx = OnnxModel(exported)
        for name, rows in list_awkward(matrix).items():
            expected = TASKS[task].predict(model, build_inputs(rows))
            # A forecast that grows with its inputs is compared by its own size.
            size = max(1.0, float(np.abs(expected).max() / labels.std())) if task == "regression" else 1.0
            assert measure_parity(expected, onnx, rows, labels) <= LIMIT * size, (seed, name)
