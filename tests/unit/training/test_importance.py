"""Importance finds what a model leans on."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from include.registry.onnx import OnnxModel, export_onnx
from include.training.dataset import SplitData
from include.training.importance import measure_importance


@pytest.fixture(scope="module")
def split() -> SplitData:
    """The second of three features decides."""
    features = np.random.default_rng(1).normal(size=(600, 3)).astype(np.float32)
    labels = (features[:, 1] + np.random.default_rng(2).normal(0, 0.5, 600) > 0).astype(np.int64)
    return SplitData(features, labels, date(2017, 12, 4))


@pytest.fixture(scope="module")
def model(split: SplitData) -> OnnxModel:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    return OnnxModel(export_onnx(make_pipeline(LogisticRegression()).fit(split.features, split.labels), 3))


def test_the_feature_that_decides_comes_first_and_noise_costs_nothing(model: OnnxModel, split: SplitData) -> None:
    found = measure_importance(model, ["a", "deciding", "c"], split, seed=1)
    assert next(iter(found)) == "deciding"
    assert found["deciding"] > 0.3
    assert max(abs(found["a"]), abs(found["c"])) < 0.02


def test_the_rows_are_left_as_they_were(model: OnnxModel, split: SplitData) -> None:
    before = split.features.copy()
    measure_importance(model, ["a", "b", "c"], split, seed=1)
    np.testing.assert_array_equal(split.features, before)
