"""Scores and metrics agree with scikit-learn's, weighted samples included."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from sklearn import metrics

from include.settings.models import TaskName
from include.tasks import TASKS

RANDOM = np.random.default_rng(4)
N = 300
WEIGHTS = RANDOM.multinomial(N, np.full(N, 1 / N), size=5)
POSITIVES = (RANDOM.random(N) < 0.3).astype(np.int64)
# Rounded, so that many rows share a score.
PROBABILITIES = np.clip(np.round(0.2 + 0.3 * POSITIVES + RANDOM.normal(0, 0.2, N), 1), 0.0, 1.0).astype(np.float32)
CLASSES = RANDOM.integers(0, 3, N)
SHARES = RANDOM.dirichlet((1, 1, 1), N) + 0.5 * np.eye(3)[CLASSES]
SHARES = (SHARES / SHARES.sum(axis=1, keepdims=True)).astype(np.float32)
VALUES = np.round(RANDOM.gamma(2, 3, N))
FORECASTS = (VALUES + RANDOM.normal(0, 2, N)).astype(np.float32)
CASES: dict[TaskName, tuple[np.ndarray, np.ndarray, dict[str, object]]] = {
    "binary": (POSITIVES, PROBABILITIES, {"threshold": 0.4}),
    "multiclass": (CLASSES, SHARES, {"classes": ["a", "b", "c"]}),
    "regression": (VALUES, FORECASTS, {}),
}


def macro_auc(labels: np.ndarray, shares: np.ndarray, weights: np.ndarray | None = None) -> float:
    """The mean AUC of each class against the others."""
    aucs = [metrics.roc_auc_score(labels == k, shares[:, k], sample_weight=weights) for k in range(shares.shape[1])]
    return float(np.mean(aucs))


SCORERS = {
    "binary": lambda y, p, w=None: metrics.roc_auc_score(y, p, sample_weight=w),
    "multiclass": macro_auc,
    "regression": lambda y, p, w=None: metrics.d2_absolute_error_score(y, p, sample_weight=w),
}


@pytest.mark.parametrize("task", CASES)
def test_the_score_of_a_weighting_is_scikit_learns(task: TaskName) -> None:
    labels, predictions, _ = CASES[task]
    found = TASKS[task].weighted_scores(labels, predictions, WEIGHTS)
    repeated = [np.repeat(np.arange(N), weights) for weights in WEIGHTS]
    assert found == pytest.approx([SCORERS[task](labels[rows], predictions[rows]) for rows in repeated], abs=1e-6)


def test_the_auc_of_a_weighting_is_that_of_sample_weights() -> None:
    expected = [metrics.roc_auc_score(POSITIVES, PROBABILITIES, sample_weight=weights) for weights in WEIGHTS]
    assert TASKS["binary"].weighted_scores(POSITIVES, PROBABILITIES, WEIGHTS) == pytest.approx(expected)


@pytest.mark.parametrize("task", CASES)
def test_the_measured_score_is_the_unweighted_one_under_both_names(task: TaskName) -> None:
    labels, predictions, decision = CASES[task]
    found = TASKS[task].measure(labels, predictions, decision)
    assert found["score"] == found[TASKS[task].score_name] == pytest.approx(SCORERS[task](labels, predictions))


def test_binary_metrics_are_scikit_learns() -> None:
    found = TASKS["binary"].measure(POSITIVES, PROBABILITIES, {"threshold": 0.4})
    predicted = PROBABILITIES >= 0.4
    assert found["f1"] == pytest.approx(metrics.f1_score(POSITIVES, predicted))
    assert found["precision"] == pytest.approx(metrics.precision_score(POSITIVES, predicted))
    assert found["recall"] == pytest.approx(metrics.recall_score(POSITIVES, predicted))
    assert found["brier"] == pytest.approx(metrics.brier_score_loss(POSITIVES, PROBABILITIES))
    assert found["log_loss"] == pytest.approx(metrics.log_loss(POSITIVES, PROBABILITIES))
    assert found["positive_rate"] == pytest.approx(POSITIVES.mean())


def test_multiclass_metrics_are_scikit_learns() -> None:
    found = TASKS["multiclass"].measure(CLASSES, SHARES, {"classes": ["a", "b", "c"]})
    predicted = SHARES.argmax(axis=1)
    assert found["f1"] == pytest.approx(metrics.f1_score(CLASSES, predicted, average="macro"))
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(CLASSES, predicted))
    assert found["auc_macro"] == pytest.approx(metrics.roc_auc_score(CLASSES, SHARES, multi_class="ovr"))


def test_regression_metrics_are_scikit_learns() -> None:
    found = TASKS["regression"].measure(VALUES, FORECASTS, {})
    assert found["mae"] == pytest.approx(metrics.mean_absolute_error(VALUES, FORECASTS))
    assert found["rmse"] == pytest.approx(metrics.root_mean_squared_error(VALUES, FORECASTS))
    assert found["r2"] == pytest.approx(metrics.r2_score(VALUES, FORECASTS))
    assert found["bias"] == pytest.approx(float((FORECASTS - VALUES).mean()), abs=1e-6)
    assert found["wape"] == pytest.approx(np.abs(FORECASTS - VALUES).sum() / VALUES.sum())


def test_a_perfect_forecast_has_1_the_median_0_and_a_worse_one_less() -> None:
    ones, task = np.ones((1, N), dtype=np.int64), TASKS["regression"]
    assert task.weighted_scores(VALUES, VALUES, ones)[0] == 1
    assert task.weighted_scores(VALUES, np.full(N, np.median(VALUES)), ones)[0] == pytest.approx(0)
    assert task.weighted_scores(VALUES, VALUES + 100, ones)[0] < 0


@pytest.mark.parametrize(
    ("task", "labels"),
    [("binary", np.zeros(5, np.int64)), ("regression", np.full(5, 3.0))],
    ids=["binary", "regression"],
)
def test_a_score_that_is_undefined_is_no_number(task: TaskName, labels: np.ndarray) -> None:
    scores = TASKS[task].weighted_scores(labels, np.arange(5) / 5, np.ones((2, 5), dtype=np.int64))
    assert np.isnan(scores).all()


def test_a_class_without_rows_is_left_out_of_the_macro_average() -> None:
    labels, shares = CLASSES[CLASSES < 2], SHARES[CLASSES < 2]
    found = TASKS["multiclass"].weighted_scores(labels, shares, np.ones((1, len(labels)), dtype=np.int64))[0]
    assert found == pytest.approx(np.mean([metrics.roc_auc_score(labels == k, shares[:, k]) for k in (0, 1)]))


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_rounding_outside_of_0_and_1_is_measured_all_the_same(task: TaskName) -> None:
    """float32 sums of a tree ensemble end a little above 1 or below 0."""
    labels, predictions, decision = CASES[task]
    outside = predictions.copy()
    outside[:2] = [1.000002, -0.000002] if task == "binary" else [[1.000002, -0.000002, 0], [0, 1.000002, -0.000002]]
    assert not TASKS[task].find_invalid(outside[:2]).any()
    assert np.isfinite(list(TASKS[task].measure(labels, outside, decision).values())).all()
    assert TASKS[task].list_curves(labels, outside, decision)


def test_calibration_counts_how_far_probabilities_are_from_what_happens() -> None:
    labels = np.array([0, 1] * 50)
    for shift in (0.0, 0.2):
        found = TASKS["binary"].measure(labels, np.full(100, 0.5 + shift), {"threshold": 0.5})
        assert found["calibration_error"] == pytest.approx(shift)


def test_a_feature_alone_is_scored_in_its_better_direction() -> None:
    numeric = np.column_stack([PROBABILITIES, -PROBABILITIES, np.full(N, np.nan)]).astype(np.float32)
    auc = metrics.roc_auc_score(POSITIVES, PROBABILITIES)
    assert TASKS["binary"].score_features(numeric, POSITIVES) == pytest.approx([auc, auc, 0.5])
    strength = TASKS["regression"].score_features(np.column_stack([VALUES, -(VALUES**3), np.ones(N)]), VALUES)
    assert strength == pytest.approx([1, 1, 0])
    best = TASKS["multiclass"].score_features(SHARES[:, :1], CLASSES)[0]
    assert best == pytest.approx(
        max(max(auc, 1 - auc) for auc in (metrics.roc_auc_score(k == CLASSES, SHARES[:, 0]) for k in range(3)))
    )


def test_a_missing_value_counts_as_the_median() -> None:
    holes = PROBABILITIES.astype(np.float64)
    holes[::7] = np.nan
    filled = np.where(np.isnan(holes), np.nanmedian(holes), holes)
    expected = metrics.roc_auc_score(POSITIVES, filled)
    assert TASKS["binary"].score_features(holes[:, None], POSITIVES)[0] == pytest.approx(expected)


@pytest.mark.parametrize("task", CASES)
def test_more_noise_scores_less(task: TaskName) -> None:
    labels, predictions, _ = CASES[task]
    noise = np.random.default_rng(1).permutation(predictions)
    mixtures = [(1 - share) * predictions + share * noise for share in (0.0, 0.5, 1.0)]
    ones = np.ones((1, N), dtype=np.int64)
    scores = [TASKS[task].weighted_scores(labels, mixture, ones)[0] for mixture in mixtures]
    assert all(later < earlier for earlier, later in pairwise(scores))
