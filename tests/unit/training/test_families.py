"""The families are built as the settings say, take categories, and have an ONNX form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from include.errors import TrainingError
from include.families.combination import Combination
from include.families.discovery import FAMILIES
from include.families.parameters import CLASSIFIER_KEYS
from include.families.preparation import MIN_CATEGORY_ROWS
from include.features.matrix import FeatureMatrix
from include.settings.models import TaskName
from include.tasks import TASKS
from include.training.families import build_family, build_inputs, read_parameters
from tests.model.machines import load_training

CLASSES: dict[str, tuple[str, str]] = {
    "logistic_regression": ("LogisticRegression", ""),
    "ridge": ("", "Ridge"),
    "random_forest": ("RandomForestClassifier", "RandomForestRegressor"),
    "gradient_boosting": ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor"),
    "xgboost": ("XGBClassifier", "XGBRegressor"),
    "lightgbm": ("LGBMClassifier", "LGBMRegressor"),
    "neural_network": ("MLPClassifier", "MLPRegressor"),
}
"""The estimators for classes and for numbers; an ensemble has other families instead."""
TASK_NAMES: tuple[TaskName, ...] = ("binary", "multiclass", "regression")
CASES = [(task, family) for task in TASK_NAMES for family in FAMILIES if task in FAMILIES[family].tasks]
SINGLE = [case for case in CASES if case[1] in CLASSES]


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


def make_labels(task: TaskName) -> Any:
    """Labels of 300 rows."""
    return {"binary": np.arange(300) % 2, "multiclass": np.arange(300) % 3, "regression": np.arange(300) / 7}[task]


@pytest.mark.parametrize(("task", "family"), SINGLE)
def test_the_last_step_is_the_estimator_with_the_parameters_of_the_settings(task: TaskName, family: str) -> None:
    settings = load_training(task)
    estimator: Any = build_family(family, make_matrix(), TASKS[task], settings)[-1]
    parameters = read_parameters(family, settings)
    assert CLASSES[family][task == "regression"] in [kind.__name__ for kind in type(estimator).__mro__]
    taken = {key: value for key, value in parameters.items() if key not in CLASSIFIER_KEYS}
    assert {key: estimator.get_params()[key] for key in taken} == taken
    assert estimator.random_state == settings.random_seed


@pytest.mark.parametrize(
    "family", [name for name, one in FAMILIES.items() if "class_weight" in one.parameters.model_fields]
)
def test_classes_are_weighed_where_the_settings_say_so(family: str) -> None:
    usual = load_training("binary").parameters.model_dump()
    settings = load_training("binary", parameters={**usual, family: {**usual[family], "class_weight": "balanced"}})
    assert build_family(family, make_matrix(), TASKS["binary"], settings)[-1].class_weight == "balanced"


def test_the_shipped_settings_hold_parameters_of_every_family() -> None:
    assert set(CLASSES) | {"ensemble"} == set(FAMILIES)
    parameters = load_training("binary").parameters
    assert [name for name in FAMILIES if getattr(parameters, name) is None] == []


def test_the_estimator_of_a_family_without_parameters_is_not_built() -> None:
    usual = load_training("binary").parameters.model_dump()
    settings = load_training("binary", parameters={**usual, "xgboost": None})
    with pytest.raises(TrainingError, match=r"no parameters of xgboost.*training\.parameters\.xgboost"):
        build_family("xgboost", make_matrix(), TASKS["binary"], settings)


@pytest.mark.parametrize(("task", "family"), [("binary", "ridge"), ("regression", "forest")])
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
    settings = load_training(task)
    model = build_family(family, matrix, TASKS[task], settings).fit(build_inputs(matrix), make_labels(task))
    assert len(TASKS[task].predict(model, build_inputs(matrix))) == 300


@pytest.mark.parametrize(("task", "family"), CASES)
def test_a_family_takes_a_column_that_is_null_in_every_training_row(task: TaskName, family: str) -> None:
    """A fold may hold nothing but nulls where the whole training set does not."""
    matrix = make_matrix()
    matrix.numeric[:, 1] = np.nan
    model = build_family(family, matrix, TASKS[task], load_training(task)).fit(build_inputs(matrix), make_labels(task))
    known = make_matrix()
    assert not TASKS[task].find_invalid(TASKS[task].predict(model, build_inputs(known))).any()


def test_a_calibrated_family_learns_its_correction_on_the_rows_held_out() -> None:
    usual = load_training("binary").parameters.model_dump()
    forest = {**usual["random_forest"], "calibration": "sigmoid"}
    settings, matrix = load_training("binary", parameters={**usual, "random_forest": forest}), make_matrix()
    held_out = [(np.arange(200), np.arange(200, 300))]
    model = build_family("random_forest", matrix, TASKS["binary"], settings, held_out)[-1]
    assert isinstance(model, Combination)
    assert (model.is_stacked, model.context.held_out, len(model.members)) == (True, held_out, 1)
    assert "calibration" not in model.members[0][-1].get_params()


def test_an_ensemble_has_the_members_that_fit_the_task_with_their_parameters() -> None:
    usual = load_training("regression").parameters.model_dump()
    ensemble = {"members": ["logistic_regression", "ridge", "xgboost"], "kind": "stacking"}
    settings = load_training("regression", parameters={**usual, "ensemble": ensemble})
    model = build_family("ensemble", make_matrix(), TASKS["regression"], settings)[-1]
    assert [type(member[-1]).__name__ for member in model.members] == ["Ridge", "XGBRegressor"]
    assert model.members[0][-1].alpha == usual["ridge"]["alpha"]
    assert model.is_stacked
