"""Figures follow the version's task: they are read from what was measured and called what people call them."""

from __future__ import annotations

from include.operate.figures import (
    describe_gain,
    describe_metrics,
    describe_score,
    name_metric,
    read_baseline,
    read_champion,
)
from include.tasks import TASKS

RESULT = {
    "score": 0.4123456, "score_low": 0.38, "score_high": 0.44, "score_name": "d2_absolute_error", "task": "regression",
    "family": "gradient_boosting", "metrics": {"score": 0.41, "d2_absolute_error": 0.41, "mae": 2.5, "rmse": 4.25},
    "data_version": "d", "feature_version": "f", "code_revision": "c", "trained_by": "scientist",
    "test_as_of_date": "2026-03-01", "onnx_sha256": "0",
    "baseline": {"feature": "units_7d", "score": 0.3, "gain": 0.112, "gain_low": 0.08, "gain_high": 0.15},
}  # fmt: skip


def test_a_regression_is_told_in_its_own_figures() -> None:
    champion = read_champion(RESULT, 2)
    assert (champion["version"], champion["family"], champion["score"]) == (2, "gradient_boosting", 0.412346)
    assert describe_score(champion) == "D² 0.412 (95 % interval 0.380 … 0.440)"
    assert describe_metrics(champion) == "MAE 2.5, RMSE 4.25"


def test_the_gain_has_the_interval_that_training_measured() -> None:
    baseline = read_baseline(RESULT)
    assert baseline == {"feature": "units_7d", "score": 0.3, "gain": 0.112, "gain_low": 0.08, "gain_high": 0.15}
    assert describe_gain(baseline) == "+0.112 (95 % interval +0.080 … +0.150)"


def test_a_version_that_was_compared_with_nothing_has_no_baseline() -> None:
    assert read_baseline({**RESULT, "baseline": None}) is None


def test_a_metric_that_is_not_known_keeps_its_name_in_words() -> None:
    assert name_metric("calibration_error") == "calibration error"
    assert describe_metrics({"score_name": "auc", "metrics": {"auc": 0.8, "spread": None}}) == ""


def test_the_score_of_every_task_has_a_name_for_people() -> None:
    assert [name_metric(task.score_name) for task in TASKS.values()] == ["AUC", "macro AUC", "D²"]
