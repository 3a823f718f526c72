"""The gain of one model over another, on the same rows."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import d2_absolute_error_score, roc_auc_score

from include.settings.models import TaskName
from include.tasks import TASKS
from include.training.compare import measure_gain, measure_score
from tests.model.machines import load_training

RANDOM = np.random.default_rng(4)
POSITIVES = (RANDOM.random(400) < 0.3).astype(np.int64)
VALUES = RANDOM.gamma(2, 3, 400)


def make_case(task: TaskName) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, good predictions, bad predictions."""
    if task == "binary":
        return POSITIVES, 0.3 * POSITIVES + 0.6 * RANDOM.random(400), RANDOM.random(400)
    return VALUES, VALUES + RANDOM.normal(0, 0.5, 400), RANDOM.permutation(VALUES)


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_the_gain_is_the_difference_of_the_scores_and_lies_in_its_interval(task: TaskName) -> None:
    labels, good, bad = make_case(task)
    score = roc_auc_score if task == "binary" else d2_absolute_error_score
    found = measure_gain(TASKS[task], labels, good, bad, load_training(task))
    assert found.score == pytest.approx(score(labels, bad))
    assert found.gain == pytest.approx(score(labels, good) - score(labels, bad))
    assert 0 < found.low < found.gain < found.high
    assert measure_score(TASKS[task], labels, good) == pytest.approx(score(labels, good))


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_a_model_gains_nothing_over_itself(task: TaskName) -> None:
    labels, good, _ = make_case(task)
    found = measure_gain(TASKS[task], labels, good, good, load_training(task))
    assert (found.gain, found.low, found.high) == (0, 0, 0)
