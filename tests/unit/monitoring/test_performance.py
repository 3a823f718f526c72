"""Performance: metrics against scikit-learn and against values worked out by hand."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from sklearn import metrics

from include.monitoring.performance import (
    Cohorts,
    measure_auc,
    measure_calibration_error,
    measure_log_loss,
    measure_performance,
)

D1, D2 = date(2017, 9, 1), date(2017, 9, 2)


def make_cohorts(
    probabilities: list[float] | np.ndarray, churned: list[bool] | np.ndarray, threshold: float = 0.5
) -> Cohorts:
    """One row per customer."""
    scores = np.asarray(probabilities, float)
    return Cohorts(D1, D2, np.arange(scores.size), scores, scores >= threshold, np.asarray(churned, bool))


def test_metrics_equal_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    churned = rng.random(2200) < 0.12
    scores = np.clip(rng.beta(2, 8, 2200) + 0.2 * churned, 0, 1).round(2)
    found = measure_performance(make_cohorts(scores, churned, threshold=0.3))
    predicted = scores >= 0.3
    assert found.auc == pytest.approx(metrics.roc_auc_score(churned, scores))
    assert found.accuracy == pytest.approx(metrics.accuracy_score(churned, predicted))
    assert found.precision == pytest.approx(metrics.precision_score(churned, predicted))
    assert found.recall == pytest.approx(metrics.recall_score(churned, predicted))
    assert found.f1 == pytest.approx(metrics.f1_score(churned, predicted))
    assert found.brier_score == pytest.approx(metrics.brier_score_loss(churned, scores))
    assert found.log_loss == pytest.approx(metrics.log_loss(churned, np.clip(scores, 1e-15, 1 - 1e-15)))
    assert found.base_rate == pytest.approx(churned.mean())
    assert (found.predictions, found.customers) == (2200, 2200)


def test_calibration_error_equals_the_sum_worked_out_by_hand() -> None:
    # given 0.2 predicted for two of whom one churned, 0.95 for one who did, and 1.0 for one who did not
    probabilities, churned = np.array([0.2, 0.2, 0.95, 1.0]), np.array([True, False, True, False])
    # then the bins are off by |0.4 - 1| and |1.95 - 1|, over 4 rows
    assert measure_calibration_error(churned, probabilities) == pytest.approx((0.6 + 0.95) / 4)


def test_a_certain_prediction_that_is_wrong_costs_much_and_not_infinitely_much() -> None:
    assert measure_log_loss(np.array([True]), np.array([0.0])) == pytest.approx(-np.log(1e-15))


def test_standard_error_of_the_auc_equals_delong_worked_out_by_hand() -> None:
    # given placements of positives 1, 1/2 and of negatives 1/2, 1: variances 1/8 and 1/8, over 2 and 2
    area, error = measure_auc(np.array([True, True, False, False]), np.array([4.0, 2.0, 3.0, 1.0]), np.arange(4))
    assert (area, error) == pytest.approx((0.75, np.sqrt(1 / 8)))


def test_standard_error_of_the_auc_is_how_much_it_varies() -> None:
    rng = np.random.default_rng(2)
    found = [
        measure_auc(churned, rng.normal(size=600) + churned, np.arange(600))
        for churned in (rng.random((400, 600)) < 0.15)
    ]
    areas, errors = np.array(found, float).T
    assert errors.mean() == pytest.approx(areas.std(), rel=0.1)


def test_a_customer_in_seven_cohorts_is_no_seven_customers() -> None:
    # given the rows of one cohort, seven times over
    rng = np.random.default_rng(3)
    churned = rng.random(500) < 0.2
    scores = rng.normal(size=500) + churned
    once = measure_auc(churned, scores, np.arange(500))
    sevenfold = measure_auc(np.tile(churned, 7), np.tile(scores, 7), np.tile(np.arange(500), 7))
    # then area and error stay what they were
    assert sevenfold == pytest.approx(once)


def test_customers_are_counted_once_however_many_cohorts_they_are_in() -> None:
    churned = np.array([True, False, True, False])
    cohorts = Cohorts(D1, D2, np.array([1, 2, 1, 2]), np.full(4, 0.3), np.full(4, False), churned)
    found = measure_performance(cohorts)
    assert (found.predictions, found.customers) == (4, 2)


@pytest.mark.parametrize("churned", [True, False])
def test_outcomes_of_one_kind_leave_the_auc_undefined(churned: bool) -> None:
    found = measure_performance(make_cohorts([0.1, 0.4], [churned, churned]))
    assert (found.auc, found.auc_standard_error) == (None, None)


def test_a_model_that_predicts_no_churn_has_no_precision() -> None:
    found = measure_performance(make_cohorts([0.1, 0.4], [True, False]))
    assert (found.precision, found.recall, found.f1) == (None, 0, 0)


def test_nobody_who_churned_leaves_the_recall_undefined() -> None:
    found = measure_performance(make_cohorts([0.9, 0.4], [False, False]))
    assert (found.precision, found.recall) == (0, None)
