"""A candidate that passes every gate; tests make it bad in one way at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from include.settings import load_settings
from include.settings.gates import GateSettings

MakeResult = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def limits() -> GateSettings:
    """The gates as they ship."""
    return load_settings().gates


@pytest.fixture
def make_candidate() -> MakeResult:
    """A good result of training, with fields replaced at will."""

    def make(**replaced: Any) -> dict[str, Any]:
        good = {
            "family": "random_forest", "run_id": "run-1", "auc": 0.86, "auc_low": 0.84, "auc_high": 0.88,
            "f1": 0.5, "precision": 0.4, "recall": 0.7, "training_seconds": 2.0, "size_bytes": 800_000,
            "parity_difference": 1e-7, "test_positives": 300, "single_feature": "orders_56d",
            "single_feature_auc": 0.83, "baseline_feature": None,
            "champion": {"version": 3, "auc": 0.855, "gain": 0.005, "note": "gain +0.005"},
        }  # fmt: skip
        return good | replaced

    return make


@pytest.fixture
def baseline(make_candidate: MakeResult) -> dict[str, Any]:
    """The result of the baseline family."""
    return make_candidate(family="baseline", run_id="run-0", auc=0.84, baseline_feature="orders_56d")
