"""A search that a test may run in a process of its own."""

from __future__ import annotations

import time
from typing import Any

from include.training.search import folds, run, studies
from include.training.splits import read_training_data
from tests.model.machines import load_training, make_frame, make_spec

SPACES = {"logistic_regression": {"C": {"low": 1e-5, "high": 10.0, "log": True}}}


def main(uri: str | None, name: str, trials: int, seconds: float = 0.0, workers: int = 1) -> run.SearchResult:
    """Search, each trial no faster than ``seconds``; a trial without a sign of life for two seconds has failed."""
    studies.HEARTBEAT_S, studies.GRACE_S = 1, 2
    score = folds.FoldScorer.score

    def score_slowly(self: Any, *arguments: Any) -> float:
        time.sleep(seconds / len(self.folds))
        return score(self, *arguments)

    folds.FoldScorer.score = score_slowly  # type: ignore[method-assign]
    try:
        spec = make_spec("binary")
        settings = load_training(
            "binary", search={"method": "optuna", "trials": trials, "workers": workers, "spaces": SPACES}
        )
        data = read_training_data(make_frame("binary"), spec, settings)
        return run.search_data(data, "logistic_regression", spec, settings, name, uri)
    finally:
        folds.FoldScorer.score = score  # type: ignore[method-assign]
