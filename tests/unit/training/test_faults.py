"""Training sets that nobody would wish for: each is refused by name, or trained on with a true result."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.errors import TrainingError
from include.settings.models import TaskName
from include.training.attempt import FAILURE, attempt_family
from include.training.fit import TrainingLineage
from tests.model.machines import load_training, make_frame, make_spec

FITTING: dict[TaskName, tuple[str, ...]] = {
    "binary": ("baseline", "logistic_regression", "gradient_boosting"),
    "multiclass": ("baseline", "logistic_regression"),
    "regression": ("baseline", "ridge"),
}

Attempt = Callable[..., dict[str, Any]]


@pytest.fixture
def attempt(lineage: TrainingLineage, tracking_uri: str) -> Attempt:
    """Fits a family on a frame; the answer of a training that goes on, whatever becomes of the family."""

    def run(frame: pd.DataFrame, family: str, task: TaskName = "binary", **settings: Any) -> dict[str, Any]:
        spec = make_spec(task, f"machines_faults_{task}")
        return attempt_family(frame, family, spec, load_training(task, **settings), lineage, tracking_uri)

    return run


def change(frame: pd.DataFrame, split: str, column: str, value: Any) -> pd.DataFrame:
    """The frame with one value in a column throughout a split."""
    return frame.assign(**{column: frame[column].where(frame["split"] != split, value)})


@pytest.mark.parametrize("split", ["train", "validation", "test"])
@pytest.mark.parametrize(("task", "value"), [("binary", 0), ("multiclass", "a")])
def test_a_split_of_one_class_is_refused_with_its_counts(
    attempt: Attempt, task: TaskName, value: Any, split: str
) -> None:
    with pytest.raises(
        TrainingError, match=rf"{split} split is too small|{split} split are equal|1 class\(es\) in the training rows"
    ):
        attempt(change(make_frame(task), split, "label", value), "baseline", task)


def test_ten_rows_are_refused_with_what_is_needed(attempt: Attempt) -> None:
    ten = make_frame("binary").groupby("split", group_keys=False).head(4).head(10)
    with pytest.raises(TrainingError, match="100 are needed"):
        attempt(ten, "baseline")


@pytest.mark.parametrize(("task", "families"), FITTING.items())
def test_a_constant_column_and_a_new_category_stop_no_family(
    attempt: Attempt, task: TaskName, families: tuple[str, ...]
) -> None:
    frame = make_frame(task)
    frame["temperature"] = 20.0
    frame["paint"] = "blue"
    newest = frame["split"] == "test"
    frame.loc[newest & (frame["machine_id"] % 2 == 0), "site"] = "built after the training"
    for family in families:
        result = attempt(frame, family, task)
        assert FAILURE not in result, result
        assert math.isfinite(result["score"])
        assert result["parity_difference"] < 1e-4, "what serves answers the new category as what was trained"
        assert result["single_feature"] not in ("temperature", "paint")


def test_a_label_that_never_changes_is_refused_for_a_forecast(attempt: Attempt) -> None:
    frame = make_frame("regression").assign(label=7.0)
    with pytest.raises(TrainingError, match="All labels of the train split are equal"):
        attempt(frame, "baseline", "regression")


def test_a_fit_that_does_not_converge_is_judged_and_says_so(attempt: Attempt) -> None:
    usual = load_training("binary").parameters.model_dump()
    few = {**usual, "logistic_regression": {**usual["logistic_regression"], "max_iter": 1}}
    result = attempt(make_frame("binary"), "logistic_regression", parameters=few)
    assert FAILURE not in result
    assert "converge" in result["notes"][0]
    assert attempt(make_frame("binary"), "logistic_regression")["notes"] == []


def test_values_at_the_edge_of_what_is_served_are_measured_as_they_serve(attempt: Attempt) -> None:
    frame = make_frame("binary")
    frame["wear"] = np.where(frame["machine_id"] == 1, 3.0e38, frame["wear"])
    for family in ("gradient_boosting",):
        result = attempt(frame, family)
        assert FAILURE not in result, result
        assert result["parity_difference"] < 1e-4
