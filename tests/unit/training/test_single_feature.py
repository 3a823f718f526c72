"""What one feature alone knows of the label, categories among them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from include.settings.models import TaskName
from include.tasks import TASKS
from include.training.single_feature import encode_category, find_single_feature, score_category
from include.training.splits import TrainingData, read_training_data
from tests.model.machines import drop_features, load_training, make_frame, make_spec

TASK_NAMES: tuple[TaskName, ...] = ("binary", "multiclass", "regression")
NUMERIC = ("wear", "is_covered", "units_last", "temperature")
CHANCE: dict[TaskName, float] = {"binary": 0.5, "multiclass": 0.5, "regression": 0.0}
Column = Callable[[pd.DataFrame], "pd.Series[str]"]


def read_with(task: TaskName, make_column: Column, *dropped: str) -> TrainingData:
    """The machines with another paint; regression counts whole units, so that values occur again."""
    frame = make_frame(task)
    if task == "regression":
        frame = frame.assign(label=frame["label"].round())
    frame = frame.assign(paint=make_column(frame))
    return read_training_data(frame, drop_features(make_spec(task), *dropped), load_training(task))


def copy_label(frame: pd.DataFrame) -> pd.Series[str]:
    """The label as text."""
    return "is " + frame["label"].astype(str)


def draw_codes(frame: pd.DataFrame) -> pd.Series[str]:
    """One of 400 codes, by chance: three training rows have each."""
    return pd.Series(np.random.default_rng(1).integers(0, 400, len(frame)), index=frame.index).astype(str)


def number_rows(frame: pd.DataFrame) -> pd.Series[str]:
    """Another text in every row."""
    return pd.Series(np.arange(len(frame)), index=frame.index).astype(str)


@pytest.mark.parametrize("task", TASK_NAMES)
@pytest.mark.parametrize("dropped", [(), NUMERIC], ids=["beside numbers", "without numbers"])
def test_a_text_that_equals_the_label_is_found(task: TaskName, dropped: tuple[str, ...]) -> None:
    found = find_single_feature(TASKS[task], read_with(task, copy_label, *dropped))
    assert found["single_feature"] == "paint"
    assert found["single_feature_score"] > 0.995


@pytest.mark.parametrize("task", TASK_NAMES)
def test_a_text_with_many_values_knows_nothing_by_having_them(task: TaskName) -> None:
    data = read_with(task, draw_codes)
    assert score_category(TASKS[task], data, "paint") < CHANCE[task] + 0.12
    assert find_single_feature(TASKS[task], data)["single_feature"] != "paint"


@pytest.mark.parametrize("task", TASK_NAMES)
def test_a_text_that_is_another_one_in_every_row_knows_nothing(task: TaskName) -> None:
    assert score_category(TASKS[task], read_with(task, number_rows), "paint") == CHANCE[task]


def test_a_text_that_is_there_for_positives_only_is_found_though_its_values_are_new() -> None:
    data = read_with("binary", lambda frame: number_rows(frame).where(frame["label"] == 1))
    assert find_single_feature(TASKS["binary"], data) == {"single_feature": "paint", "single_feature_score": 1.0}


@pytest.mark.parametrize("task", TASK_NAMES)
def test_an_honest_category_is_scored_below_the_limit_and_above_noise(task: TaskName) -> None:
    data = read_training_data(make_frame(task), make_spec(task), load_training(task))
    site, paint = (score_category(TASKS[task], data, name) for name in ("site", "paint"))
    assert paint < CHANCE[task] + 0.06 < site < 0.8


def test_a_category_is_its_mean_in_the_training_rows_and_an_unknown_one_the_mean_of_all() -> None:
    train, test = np.array(["a", "b", "a", "", "c"], dtype=object), np.array(["zz", "a", "", "b"], dtype=object)
    targets = np.array([[1.0, 0], [0, 1], [0, 1], [1, 0], [1, 0]])
    np.testing.assert_allclose(encode_category(train, targets, test), [[0.6, 0.4], [0.5, 0.5], [1, 0], [0, 1]])
