"""What single features do to answers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from include.evaluation.attributions import (
    MOST_FEATURES,
    ROWS,
    explain_rows,
    find_places,
    measure_attributions,
    replace_stepwise,
)
from include.features.matrix import FeatureMatrix
from include.settings.models import TaskName
from tests.model.candidates import train_good

DICE = np.random.default_rng(21)
NAMES = ("heat", "wear", "site")


def make_rows(count: int) -> FeatureMatrix:
    sites = DICE.choice(["north", "south"], (count, 1)).astype(object)
    return FeatureMatrix(DICE.normal(0, 1, (count, 2)).astype(np.float32), sites, NAMES[:2], NAMES[2:])


@dataclass(frozen=True)
class Formula:
    """An answer that is a sum: twice the heat, three at the south; wear says nothing."""

    def predict(self, rows: FeatureMatrix) -> np.ndarray:
        return 2.0 * rows.numeric[:, 0] + 3.0 * (rows.categorical[:, 0] == "south")


def explain(rows: FeatureMatrix, others: FeatureMatrix, formula: Any) -> np.ndarray:
    candidate: Any = SimpleNamespace(onnx=formula, seed=5)
    return explain_rows(candidate, rows, others)


def test_of_a_sum_each_feature_has_its_own_part() -> None:
    rows, others = make_rows(40), make_rows(1)
    found = explain(rows, others, Formula())
    assert found[:, 0] == pytest.approx(2.0 * (rows.numeric[:, 0] - others.numeric[0, 0]), abs=1e-5)
    assert found[:, 1] == pytest.approx(0.0)
    south = (rows.categorical[:, 0] == "south").astype(float) - float(others.categorical[0, 0] == "south")
    assert found[:, 2] == pytest.approx(3.0 * south, abs=1e-5)


def test_what_two_features_do_together_is_shared_by_both() -> None:
    product = SimpleNamespace(predict=lambda rows: rows.numeric[:, 0] * rows.numeric[:, 1])
    rows = replace(make_rows(1), numeric=np.array([[2.0, 3.0]], dtype=np.float32))
    nothing = replace(make_rows(1), numeric=np.zeros((1, 2), dtype=np.float32))
    assert explain(rows, nothing, product)[0] == pytest.approx([3.0, 3.0, 0.0])


def test_each_step_takes_one_feature_more() -> None:
    rows, others = make_rows(3), make_rows(3)
    steps = replace_stepwise(rows, others, np.array([2, 0, 1]))
    assert len(steps) == 12
    assert (steps.numeric[:3] == others.numeric).all() and (steps.categorical[3:6] == rows.categorical).all()
    assert (steps.numeric[3:6] == others.numeric).all() and (steps.numeric[6:9, 0] == rows.numeric[:, 0]).all()
    assert (steps.numeric[9:] == rows.numeric).all()


def test_the_place_of_a_value_is_among_the_values_that_are_there() -> None:
    rows = replace(make_rows(4), numeric=np.array([[5, 0], [1, 0], [3, 0], [np.nan, 0]], dtype=np.float32))
    assert find_places(rows, 0) == (1.0, 0.0, 0.5, None)
    assert find_places(rows, 1) == (0.0,) * 4
    assert find_places(rows, 2) == (None,) * 4


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_the_values_of_a_row_add_up_to_what_its_answer_is_away_from_the_others(task: TaskName) -> None:
    good = train_good(task)
    found = measure_attributions(good)
    assert found[0].feature == "wear"
    assert [one.mean for one in found] == sorted((one.mean for one in found), reverse=True)
    assert all(len(one.values) == len(one.places) == ROWS for one in found)
    assert 3 <= len(found) <= MOST_FEATURES
    rows = good.data.test.matrix.take(np.arange(30)).select(good.onnx.contract.feature_names)
    one_other = rows.take([0])
    answers, other = good.onnx.predict(rows), good.onnx.predict(one_other)
    if answers.ndim == 2:
        chosen = answers.argmax(axis=1)
        answers, other = answers[np.arange(30), chosen], other[0, chosen]
    assert explain_rows(good, rows, one_other).sum(axis=1) == pytest.approx(answers - other, abs=1e-4)


def test_the_same_seed_explains_the_same() -> None:
    assert measure_attributions(train_good("binary")) == measure_attributions(train_good("binary"))
