"""Figures agree with their definitions and with scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from include.training.evaluate import (
    choose_threshold,
    estimate_auc_interval,
    estimate_gain_interval,
    measure_model,
)

RANDOM = np.random.default_rng(4)
LABELS = (RANDOM.random(500) < 0.2).astype(np.int64)
SCORES = np.clip(np.round(0.2 + 0.25 * LABELS + RANDOM.normal(0, 0.15, 500), 2), 0.01, 0.99)


def test_figures_of_a_case_counted_by_hand() -> None:
    found = measure_model(np.array([1, 1, 0, 0, 0]), np.array([0.9, 0.4, 0.6, 0.2, 0.1]), threshold=0.5)
    assert found.auc == pytest.approx(5 / 6)
    assert (found.precision, found.recall, found.f1, found.accuracy) == (0.5, 0.5, 0.5, 0.6)
    assert found.brier == pytest.approx((0.01 + 0.36 + 0.36 + 0.04 + 0.01) / 5)
    assert found.log_loss == pytest.approx(-np.log([0.9, 0.4, 0.4, 0.8, 0.9]).mean())


def test_churn_is_predicted_from_the_threshold_on() -> None:
    labels, scores = np.array([1, 0]), np.array([0.5, 0.4])
    assert measure_model(labels, scores, threshold=0.5).recall == 1.0


def test_nobody_predicted_is_no_division_by_zero() -> None:
    assert measure_model(np.array([1, 0]), np.array([0.2, 0.1]), threshold=0.9).f1 == 0.0


def test_the_threshold_is_the_best_of_all() -> None:
    found = f1_score(LABELS, choose_threshold(LABELS, SCORES) <= SCORES)
    assert found == max(f1_score(LABELS, cut <= SCORES) for cut in np.unique(SCORES))


def test_the_threshold_lies_between_two_probabilities() -> None:
    threshold = choose_threshold(np.array([1, 1, 0, 0]), np.array([0.8, 0.6, 0.4, 0.2]))
    assert threshold == pytest.approx(0.5)


def test_where_one_probability_is_all_there_is_everybody_is_predicted() -> None:
    assert choose_threshold(np.array([1, 0, 1]), np.array([0.3, 0.3, 0.3])) <= 0.3


def test_the_interval_is_that_of_resampled_rows() -> None:
    found = estimate_auc_interval(LABELS, SCORES, repetitions=1000, seed=1)
    generator = np.random.default_rng(2)
    draws = [generator.integers(0, 500, 500) for _ in range(1000)]
    low, high = np.percentile([roc_auc_score(LABELS[rows], SCORES[rows]) for rows in draws], [2.5, 97.5])
    assert found.low == pytest.approx(low, abs=0.01)
    assert found.high == pytest.approx(high, abs=0.01)
    assert found.low < roc_auc_score(LABELS, SCORES) < found.high


def test_the_same_seed_gives_the_same_interval() -> None:
    first = estimate_auc_interval(LABELS, SCORES, repetitions=150, seed=1)
    assert first == estimate_auc_interval(LABELS, SCORES, repetitions=150, seed=1)
    assert first != estimate_auc_interval(LABELS, SCORES, repetitions=150, seed=2)


def test_fewer_rows_are_less_certain() -> None:
    many = estimate_auc_interval(LABELS, SCORES, repetitions=500, seed=1)
    few = estimate_auc_interval(LABELS[:100], SCORES[:100], repetitions=500, seed=1)
    assert few.high - few.low > many.high - many.low


def test_samples_of_one_class_are_left_out() -> None:
    labels = np.array([1] + [0] * 20)
    interval = estimate_auc_interval(labels, np.linspace(1, 0, 21), repetitions=500, seed=1)
    assert (interval.low, interval.high) == (1.0, 1.0)


def test_a_model_gains_nothing_over_itself() -> None:
    interval = estimate_gain_interval(LABELS, SCORES, SCORES, repetitions=200, seed=1)
    assert (interval.low, interval.high) == (0.0, 0.0)


def test_the_gain_over_a_coin_is_certain_and_has_the_sign_of_the_first() -> None:
    coin = np.random.default_rng(3).random(500)
    assert estimate_gain_interval(LABELS, SCORES, coin, repetitions=300, seed=1).low > 0.2
    assert estimate_gain_interval(LABELS, coin, SCORES, repetitions=300, seed=1).high < -0.2


def test_paired_samples_are_surer_than_two_intervals() -> None:
    """Nearly the same model: each AUC is uncertain, their difference is not."""
    twin = SCORES + RANDOM.normal(0, 0.005, 500)
    single = estimate_auc_interval(LABELS, SCORES, repetitions=300, seed=1)
    paired = estimate_gain_interval(LABELS, SCORES, twin, repetitions=300, seed=1)
    assert paired.high - paired.low < 0.3 * (single.high - single.low)
