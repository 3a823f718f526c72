"""How far predictions lie from outcomes, and how sure that is."""

from __future__ import annotations

import numpy as np
import pytest

from include.evaluation.calibration import estimate_error, measure_calibration
from include.settings.models import TaskName
from include.tasks import TASKS
from tests.model.candidates import train_good

DICE = np.random.default_rng(3)


def draw(rows: int, task: TaskName) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes that follow their predictions."""
    dice = np.random.default_rng(rows)
    if task == "regression":
        predictions = dice.gamma(2.0, 10.0, rows)
        return predictions + dice.normal(0, 4.0, rows), predictions
    if task == "binary":
        predictions = dice.random(rows)
        return (dice.random(rows) < predictions).astype(np.int64), predictions
    predictions = dice.dirichlet([1.0, 1.0, 1.0], rows)
    labels = (dice.random((rows, 1)) > predictions.cumsum(axis=1)).sum(axis=1)
    return labels, predictions


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_outcomes_that_follow_their_predictions_leave_an_error_that_may_be_none(task: TaskName) -> None:
    error, low, high = estimate_error(TASKS[task], *draw(4000, task), 1)
    assert low < 0.01
    assert low <= error <= 0.05
    assert high >= 0


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_the_error_of_few_rows_is_larger_by_chance_and_its_interval_says_so(task: TaskName) -> None:
    error, low, _ = estimate_error(TASKS[task], *draw(100, task), 1)
    assert error > estimate_error(TASKS[task], *draw(4000, task), 1)[0]
    assert low < 0.03


def test_predictions_that_are_too_high_are_found_with_the_size_of_the_error() -> None:
    labels, predictions = draw(20_000, "binary")
    error, low, _ = estimate_error(TASKS["binary"], labels, np.clip(predictions + 0.1, 0, 1), 1)
    assert 0.08 < low < error < 0.11


def test_a_biased_forecast_has_its_bias_as_error() -> None:
    labels, predictions = draw(20_000, "regression")
    error, low, high = estimate_error(TASKS["regression"], labels, predictions * 1.2, 1)
    assert low < error < high
    assert error == pytest.approx(0.2, abs=0.02)


def test_it_is_measured_on_what_serves() -> None:
    evidence = measure_calibration(train_good("binary"))
    assert evidence.rows == len(train_good("binary").data.test.labels)
    assert 0 <= evidence.low <= evidence.error < 0.05
