"""From predictions to answers: decisions, texts, baselines, and what is no prediction."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score

from include.errors import TrainingError
from include.features.matrix import FeatureMatrix
from include.settings.models import TaskName
from include.tasks import TASKS
from include.tasks.binary import choose_threshold
from include.tasks.plots import draw_plots

RANDOM = np.random.default_rng(4)
LABELS = (RANDOM.random(500) < 0.2).astype(np.int64)
SCORES = np.clip(np.round(0.2 + 0.25 * LABELS + RANDOM.normal(0, 0.15, 500), 2), 0.01, 0.99)
DECISIONS: dict[TaskName, dict[str, Any]] = {
    "binary": {"threshold": 0.5}, "multiclass": {"classes": ["a", "b"]}, "regression": {},
}  # fmt: skip


def test_the_threshold_is_the_best_of_all() -> None:
    found = f1_score(LABELS, choose_threshold(LABELS, SCORES) <= SCORES)
    assert found == max(f1_score(LABELS, cut <= SCORES) for cut in np.unique(SCORES))


def test_with_gains_the_threshold_is_the_one_that_earns_most() -> None:
    gains = {"true_positive": 12, "false_positive": -1, "false_negative": -0.5, "true_negative": 0.25}

    def earn(threshold: float) -> float:
        return float(TASKS["binary"].measure_profits(LABELS, SCORES, {"threshold": threshold}, gains).sum())

    found = choose_threshold(LABELS, SCORES, gains)

    assert earn(found) == pytest.approx(max(earn(cut) for cut in np.unique(SCORES)))
    assert earn(found) > earn(choose_threshold(LABELS, SCORES))


def test_with_calibrated_probabilities_it_is_the_break_even_of_the_gains() -> None:
    probabilities = RANDOM.random(200_000)
    labels = (RANDOM.random(200_000) < probabilities).astype(np.int64)
    gains = {"true_positive": 4, "false_positive": -1, "false_negative": 0, "true_negative": 0}

    assert choose_threshold(labels, probabilities, gains) == pytest.approx(1 / 5, abs=0.02)


def test_the_threshold_lies_between_two_probabilities() -> None:
    assert choose_threshold(np.array([1, 1, 0, 0]), np.array([0.8, 0.6, 0.4, 0.2])) == pytest.approx(0.5)


def test_where_one_probability_is_all_there_is_everything_is_predicted() -> None:
    assert choose_threshold(np.array([1, 0, 1]), np.array([0.3, 0.3, 0.3])) <= 0.3


@pytest.mark.parametrize(
    ("task", "predictions", "decision", "texts", "numbers"),
    [
        ("binary", [0.5, 0.49, 1.000002], {"threshold": 0.5}, ["true", "false", "true"], [0.5, 0.49, 1.0]),
        ("multiclass", [[0.2, 0.8], [0.9, 0.1]], {"classes": ["a", "b"]}, ["b", "a"], [0.8, 0.9]),
        ("regression", [3.5, -1.0], {}, [None, None], [3.5, -1.0]),
    ],
)
def test_predictions_become_answers(
    task: TaskName, predictions: Any, decision: dict[str, Any], texts: list[str | None], numbers: list[float]
) -> None:
    values = np.array(predictions, dtype=np.float32)
    assert TASKS[task].decide(values, decision) == texts
    assert TASKS[task].summarise(values) == pytest.approx(numbers)
    for value, text in zip(values, texts, strict=True):
        described = TASKS[task].describe(value, decision)["prediction"]
        expected = float(value) if text is None else {"true": True, "false": False}.get(text, text)
        assert described == expected
        assert type(described) is type(expected)


def test_each_class_has_its_probability_in_the_answer() -> None:
    found = TASKS["multiclass"].describe(np.array([0.25, 0.75], np.float32), {"classes": ["a", "b"]})
    assert found == {"prediction": "b", "probabilities": {"a": 0.25, "b": 0.75}}


@pytest.mark.parametrize(
    ("task", "predictions", "wrong"),
    [
        ("binary", [0.0, 1.0, 1.000001, -0.1, 1.1, np.nan, np.inf], [3, 4, 5, 6]),
        ("multiclass", [[0.5, 0.5], [1.2, -0.2], [np.nan, 1.0]], [1, 2]),
        ("regression", [-1e9, 0.0, np.nan, np.inf, -np.inf], [2, 3, 4]),
    ],
)
def test_what_is_no_prediction_is_found(task: TaskName, predictions: Any, wrong: list[int]) -> None:
    assert list(np.flatnonzero(TASKS[task].find_invalid(np.array(predictions)))) == wrong


def make_matrix(numeric: np.ndarray) -> FeatureMatrix:
    """A matrix of numbers a, b, c … alone."""
    names = tuple("abcdef"[: numeric.shape[1]])
    return FeatureMatrix(numeric.astype(np.float32), np.empty((len(numeric), 0), dtype=object), names, ())


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_the_baseline_of_classes_is_a_curve_over_the_feature_that_ranks_best(task: TaskName) -> None:
    labels = RANDOM.integers(0, 2 if task == "binary" else 3, 400)
    numeric = np.column_stack([RANDOM.normal(size=400), -labels + RANDOM.normal(0, 0.5, 400), RANDOM.normal(size=400)])
    numeric[::9] = np.nan
    found = TASKS[task].fit_baseline(make_matrix(numeric), labels, seed=1)
    assert found.feature == "b"
    predictions = TASKS[task].predict(found.model, numeric[:, [1]].astype(np.float32))
    assert not TASKS[task].find_invalid(predictions).any()
    metrics = TASKS[task].measure(labels, predictions, {"threshold": 0.5, "classes": ["a", "b", "c"]})
    assert metrics["score"] > (0.85 if task == "binary" else 0.7)


def test_the_baseline_of_a_number_is_the_feature_as_it_is_where_no_line_is_nearer() -> None:
    # given an earlier value that is the label itself but for a few rows that pull the least-squares line
    labels = RANDOM.gamma(2, 3, 400)
    earlier = np.where(np.arange(400) < 20, labels + 40, labels)
    numeric = np.column_stack([RANDOM.normal(size=400), earlier, np.full(400, 6.0)]).astype(np.float32)
    found = TASKS["regression"].fit_baseline(make_matrix(numeric), labels, seed=1)
    assert found.feature == "b"
    np.testing.assert_array_equal(TASKS["regression"].predict(found.model, numeric[:, [1]]), numeric[:, 1])
    missing = TASKS["regression"].predict(found.model, np.array([[np.nan]], np.float32))
    assert missing[0] == pytest.approx(np.median(numeric[:, 1]))


@pytest.mark.parametrize(("scale", "offset"), [(1.0, 0.0), (1e-3, 0.0), (-2.0, 0.0), (1.0, 1e6)])
def test_the_baseline_of_a_number_need_not_be_in_the_unit_of_the_label(scale: float, offset: float) -> None:
    # given labels around 1000 and a feature that knows much of them, in a unit of its own
    known = RANDOM.random(400)
    labels = 1000 + 300 * known + RANDOM.normal(0, 20, 400)
    numeric = np.column_stack([RANDOM.random(400), scale * known + offset, np.full(400, 6.0)]).astype(np.float32)
    numeric[::50] = np.nan
    found = TASKS["regression"].fit_baseline(make_matrix(numeric), labels, seed=1)
    assert found.feature == "b"
    predictions = TASKS["regression"].predict(found.model, numeric[:, [1]])
    assert TASKS["regression"].measure(labels, predictions, {})["score"] > 0.6


@pytest.mark.parametrize("feature", [RANDOM.normal(size=401), np.full(401, 6.0), np.full(401, np.nan)])
def test_the_baseline_of_a_number_is_never_worse_than_the_median(feature: Any) -> None:
    # given a feature that knows nothing, and an outlier that makes the least-squares line steep
    labels, numeric = RANDOM.gamma(2, 300, 401), feature.astype(np.float32)[:, None]
    labels[-1], numeric[-1] = 1e6, np.where(np.isnan(numeric[-1]), np.nan, 6.0)
    found = TASKS["regression"].fit_baseline(make_matrix(numeric), labels, seed=1)
    predictions = TASKS["regression"].predict(found.model, numeric)
    assert TASKS["regression"].measure(labels, predictions, {})["score"] >= -1e-9


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_without_a_number_there_is_no_baseline(task: TaskName) -> None:
    texts = FeatureMatrix(np.empty((4, 0), np.float32), np.full((4, 1), "x", dtype=object), (), ("a",))
    with pytest.raises(TrainingError, match="needs a numeric feature"):
        TASKS[task].fit_baseline(texts, np.array([0, 1, 0, 1]), seed=1)


@pytest.mark.parametrize(
    ("task", "expected", "answered", "distance"),
    [
        ("binary", [0.5, 0.2], [0.5, 0.3], [0.0, 0.1]),
        ("multiclass", [[0.5, 0.5], [0.2, 0.8]], [[0.5, 0.5], [0.25, 0.75]], [0.0, 0.05]),
        ("regression", [10.0, 20.0], [10.0, 25.0], [0.0, 0.5]),
    ],
)
def test_the_distance_of_two_forms_is_in_probability_or_in_standard_deviations(
    task: TaskName, expected: Any, answered: Any, distance: list[float]
) -> None:
    labels = np.array([0.0, 20.0])
    assert labels.std() == 10
    found = TASKS[task].measure_difference(np.array(expected), np.array(answered), labels)
    assert found == pytest.approx(distance)


@pytest.mark.parametrize(
    ("task", "names"),
    [
        ("binary", ["calibration.png", "confusion.png", "gain.png", "precision_recall.png", "roc.png"]),
        ("multiclass", ["calibration.png", "confusion.png"]),
        ("regression", ["calibration.png", "errors.png", "forecast.png"]),
    ],
)
def test_each_task_draws_its_figures(task: TaskName, names: list[str]) -> None:
    labels = LABELS if task != "regression" else SCORES * 9
    predictions = np.column_stack([1 - SCORES, SCORES]) if task == "multiclass" else SCORES
    figures = draw_plots(TASKS[task].list_curves(labels, predictions, DECISIONS[task]), "boosting")
    assert sorted(figures) == names
    assert all(figure.axes[0].get_title().startswith("boosting") for figure in figures.values())


def test_a_perfect_ranking_fills_the_square() -> None:
    curves = TASKS["binary"].list_curves(LABELS, LABELS.astype(float), DECISIONS["binary"])
    curve = draw_plots(curves, "m")["roc.png"].axes[0].lines[0]
    assert (0.0, 1.0) in list(zip(curve.get_xdata(), curve.get_ydata(), strict=True))


def test_the_confusion_counts_rows() -> None:
    labels, chosen = np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 1, 0])
    curves = TASKS["multiclass"].list_curves(labels, np.eye(2)[chosen], DECISIONS["multiclass"])
    figure = draw_plots(curves, "m")["confusion.png"]
    assert [text.get_text() for text in figure.axes[0].texts] == ["1", "1", "1", "2"]


def test_the_most_important_features_stand_at_the_top() -> None:
    from include.tasks.plots import draw_importance

    importance = {f"feature_{rank:02}": 1 / (rank + 1) for rank in range(20)}
    axes = draw_importance(importance, "importance", top=3).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["feature_02", "feature_01", "feature_00"]
    assert all(first < second for first, second in itertools.pairwise(bar.get_width() for bar in axes.patches))
