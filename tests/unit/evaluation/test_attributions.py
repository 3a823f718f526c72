"""What single features do to answers."""

from __future__ import annotations

import numpy as np
import pytest

from include.evaluation.attributions import MOST_FEATURES, ROWS, find_background, find_places, measure_attributions
from include.explanations.shapley import Explainer
from include.features.matrix import FeatureMatrix
from include.settings.models import TaskName
from tests.model.candidates import train_good, vary


def test_the_place_of_a_value_is_among_the_values_that_are_there() -> None:
    sites = np.array([["north"], ["south"], ["south"], [""]], dtype=object)
    values = np.array([[5, 0], [1, 0], [3, 0], [np.nan, 0]], dtype=np.float32)
    rows = FeatureMatrix(values, sites, ("heat", "wear"), ("site",))
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
    background = find_background(good)
    answers, others = good.onnx.predict(rows), good.onnx.predict(background)
    if answers.ndim == 2:
        chosen = answers.argmax(axis=1)
        answers, others = answers[np.arange(30), chosen], others[:, chosen]
    found = Explainer(good.onnx.predict, background).explain(rows)
    assert found.values.sum(axis=1) == pytest.approx(answers - others.mean(axis=0), abs=1e-4)


def test_a_candidate_is_explained_against_the_rows_that_it_carries() -> None:
    good = train_good("binary")
    carried = good.onnx.background
    assert carried is not None
    assert find_background(good) is carried
    assert len(carried) == good.model.training.background_rows


def test_one_that_carries_none_gets_what_its_training_would_choose() -> None:
    good = train_good("binary")
    bare = vary(good)
    carried, bare.onnx.background = bare.onnx.background, None
    assert carried is not None
    assert np.array_equal(find_background(bare).numeric, carried.numeric, equal_nan=True)


def test_the_same_seed_explains_the_same() -> None:
    assert measure_attributions(train_good("binary")) == measure_attributions(train_good("binary"))
