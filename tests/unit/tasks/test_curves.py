"""Curves as data: what scikit-learn says of them, and that they stay small."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from sklearn import metrics

from include.tasks import TASKS
from include.tasks.curves import MOST_CLASSES, MOST_POINTS, count_confusion, trace_forecast, trace_ranking

RANDOM = np.random.default_rng(12)
ROWS = 5000
LABELS = (RANDOM.random(ROWS) < 0.2).astype(np.int64)
PROBABILITIES = np.clip(0.2 + 0.2 * LABELS + RANDOM.normal(0, 0.15, ROWS), 0, 1)


def measure_area(curve: dict[str, list[float]]) -> float:
    return float(np.trapz(curve["y"], curve["x"]))


def test_the_areas_are_those_of_all_rows_although_few_points_are_kept() -> None:
    found = trace_ranking(LABELS, PROBABILITIES)
    assert all(len(curve["x"]) == len(curve["y"]) <= MOST_POINTS for curve in found.values())
    assert measure_area(found["roc"]) == pytest.approx(metrics.roc_auc_score(LABELS, PROBABILITIES), abs=2e-3)
    average = metrics.average_precision_score(LABELS, PROBABILITIES)
    assert measure_area(found["precision_recall"]) == pytest.approx(average, abs=2e-2)


def test_a_few_rows_are_traced_point_by_point() -> None:
    found = trace_ranking(np.array([1, 0, 1, 0]), np.array([0.9, 0.6, 0.6, 0.1]))
    assert found["roc"] == {"x": [0.0, 0.0, 0.5, 1.0], "y": [0.0, 0.5, 1.0, 1.0]}
    assert found["gain"] == {"x": [0.0, 0.25, 0.75, 1.0], "y": [0.0, 0.5, 1.0, 1.0]}
    assert found["precision_recall"] == {"x": [0.5, 1.0, 1.0], "y": [1.0, 0.66667, 0.5]}


def test_without_one_of_the_classes_there_is_no_ranking() -> None:
    assert trace_ranking(np.zeros(5, dtype=np.int64), np.arange(5.0)) == {}
    assert "calibration" in TASKS["binary"].list_curves(np.zeros(5, dtype=np.int64), np.arange(5) / 5, {"threshold": 1})


def test_the_confusion_has_a_row_for_each_class_and_leaves_out_unknown_ones() -> None:
    found = count_confusion(np.array([0, 0, 1, -1]), np.array([0, 1, 1, 1]), ["no", "yes"])["confusion"]
    assert found == {"classes": ["no", "yes"], "counts": [[1, 1], [0, 1]]}
    many = [str(at) for at in range(MOST_CLASSES + 1)]
    assert count_confusion(np.array([0]), np.array([0]), many) == {}


def test_the_kept_forecasts_are_spread_over_all_and_every_inner_error_is_counted() -> None:
    labels = RANDOM.gamma(2, 10, ROWS)
    forecasts = (labels + RANDOM.normal(0, 3, ROWS)).astype(np.float32)
    found = trace_forecast(labels, forecasts)
    assert len(found["forecast"]["x"]) == MOST_POINTS
    assert all(first <= second for first, second in pairwise(found["forecast"]["x"]))
    assert found["forecast"]["x"][-1] == pytest.approx(float(forecasts.max()), rel=1e-4)
    assert sum(found["errors"]["counts"]) == pytest.approx(0.98 * ROWS, abs=2)
    assert len(json.dumps(found)) < 4000


def test_forecasts_without_an_error_have_curves_too() -> None:
    found = trace_forecast(np.full(4, 7.0), np.full(4, 7.0))
    assert sum(found["errors"]["counts"]) == 4
