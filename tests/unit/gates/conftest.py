"""The figures of a candidate of each task that passes every gate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from include.settings.models import TaskName

MakeResult = Callable[..., dict[str, Any]]
SCORES: dict[TaskName, tuple[str, float]] = {
    "binary": ("auc", 0.86), "multiclass": ("auc_macro", 0.82), "regression": ("d2_absolute_error", 0.4),
}  # fmt: skip


@pytest.fixture
def make_candidate() -> MakeResult:
    """A good result of training, with fields replaced at will."""

    def make(task: TaskName = "binary", **replaced: Any) -> dict[str, Any]:
        name, score = SCORES[task]
        metrics = {"score": score, name: score}
        if task != "regression":
            metrics |= {"f1": 0.5, "precision": 0.4, "recall": 0.7}
        good = {
            "family": "random_forest", "task": task, "run_id": "run-1", "score_name": name, "score": score,
            "score_low": score - 0.02, "score_high": score + 0.02, "metrics": metrics, "training_seconds": 2.0,
            "size_bytes": 800_000, "parity_difference": 1e-7, "test_count": 300, "single_feature": "wear",
            "single_feature_score": 0.83, "baseline_feature": None,
            "baseline": {
                "feature": "wear", "score": score - 0.02, "gain": 0.02, "gain_low": 0.01, "gain_high": 0.03,
            },
            "validation": {"folds": 1, "scores": [score], "metrics": metrics},
            "champion": {
                "version": 3, "score": score - 0.005, "gain": 0.005, "gain_low": -0.01, "note": "gain +0.005",
            },
            "best_ever": {"version": 2, "score": score - 0.002, "gain": 0.002, "note": "gain +0.002"},
        }  # fmt: skip
        return good | replaced

    return make
