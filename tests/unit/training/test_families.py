"""The families are built as the settings say, take categories, and have an ONNX form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from include.errors import TrainingError
from include.features.matrix import FeatureMatrix
from include.settings.models import TaskName
from include.tasks import TASKS
from include.training.families import MIN_CATEGORY_ROWS, build_family, build_inputs, read_parameters
from tests.model.machines import load_training

FAMILIES: dict[TaskName, dict[str, str]] = {
    "binary": {
        "logistic_regression": "LogisticRegression",
        "random_forest": "RandomForestClassifier",
        "gradient_boosting": "HistGradientBoostingClassifier",
    },
    "regression": {
        "ridge": "Ridge",
        "random_forest": "RandomForestRegressor",
        "gradient_boosting": "HistGradientBoostingRegressor",
    },
}
FAMILIES["multiclass"] = FAMILIES["binary"]
CASES = [(task, family) for task, families in FAMILIES.items() for family in families]


def make_matrix(n: int = 300, numeric: int = 2, categorical: int = 1) -> FeatureMatrix:
    """Random rows; the first category is rare."""
    generator = np.random.default_rng(1)
    texts = generator.choice(["a", "b", ""], (n, categorical)).astype(object)
    texts[: MIN_CATEGORY_ROWS - 1] = "rare"
    return FeatureMatrix(
        generator.normal(size=(n, numeric)).astype(np.float32),
        texts,
        tuple(f"x{index}" for index in range(numeric)),
        tuple(f"c{index}" for index in range(categorical)),
    )


@pytest.mark.parametrize(("task", "family"), CASES)
def test_the_last_step_is_the_estimator_with_the_parameters_of_the_settings(task: TaskName, family: str) -> None:
    settings = load_training(task)
    estimator: Any = build_family(family, make_matrix(), TASKS[task], settings)[-1]
    parameters = read_parameters(family, settings)
    assert type(estimator).__name__ == FAMILIES[task][family]
    assert {key: estimator.get_params()[key] for key in parameters} == parameters
    assert estimator.random_state == settings.random_seed


@pytest.mark.parametrize("task", FAMILIES)
def test_every_family_of_the_settings_can_be_built(task: TaskName) -> None:
    assert {family for family in load_training(task).families if family != "baseline"} == set(FAMILIES[task])
    assert set(TASKS[task].estimators) == set(FAMILIES[task])


@pytest.mark.parametrize(("task", "family"), [("binary", "ridge"), ("regression", "neural_network")])
def test_a_family_that_the_task_does_not_have_is_refused(task: TaskName, family: str) -> None:
    with pytest.raises(TrainingError, match=rf"no {task} model family '{family}'; known: \w+, "):
        build_family(family, make_matrix(), TASKS[task], load_training(task))


def test_inputs_without_categories_are_the_numbers_themselves() -> None:
    matrix = make_matrix(categorical=0)
    assert build_inputs(matrix) is matrix.numeric


def test_inputs_with_categories_are_a_frame_of_both() -> None:
    inputs = build_inputs(make_matrix())
    assert list(inputs.columns) == ["x0", "x1", "c0"]
    assert [str(kind) for kind in inputs.dtypes] == ["float32", "float32", "object"]


def test_a_linear_model_has_a_column_for_each_frequent_category_only() -> None:
    matrix = make_matrix()
    labels = np.arange(len(matrix)) % 2
    model = build_family("logistic_regression", matrix, TASKS["binary"], load_training("binary"))
    model.fit(build_inputs(matrix), labels)
    assert model[-1].coef_.shape == (1, 2 + 3)
    rare, unknown = make_matrix().take(slice(0, 1)), make_matrix().take(slice(0, 1))
    unknown.categorical[:] = "never seen"
    np.testing.assert_array_equal(model.predict_proba(build_inputs(rare)), model.predict_proba(build_inputs(unknown)))


@pytest.mark.parametrize(("task", "family"), CASES)
@pytest.mark.parametrize(("numeric", "categorical"), [(2, 0), (0, 2)], ids=["numbers alone", "categories alone"])
def test_a_family_works_without_either_kind(task: TaskName, family: str, numeric: int, categorical: int) -> None:
    matrix = make_matrix(numeric=numeric, categorical=categorical)
    labels = {"binary": np.arange(300) % 2, "multiclass": np.arange(300) % 3, "regression": np.arange(300) / 7}[task]
    settings = load_training(task)
    model = build_family(family, matrix, TASKS[task], settings).fit(build_inputs(matrix), labels)
    assert len(TASKS[task].predict(model, build_inputs(matrix))) == 300
