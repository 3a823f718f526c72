"""The ONNX form answers like the model itself, where the data is ugly too."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from include.features.matrix import FeatureMatrix
from include.registry.onnx import measure_parity
from include.training.splits import SplitData
from tests.model.conftest import Trained
from tests.model.machines import make_model

LIMIT = make_model("binary").gates.parity.max_difference


def differ(trained: Trained, split: SplitData) -> float:
    """The largest difference, in probability or in standard deviations of the label."""
    return measure_parity(trained.fitted.predict(split), trained.onnx, split.matrix, split.labels)


def replace_values(split: SplitData, numeric: np.ndarray | None = None, categorical: object = None) -> SplitData:
    """The same rows with other numbers or texts."""
    matrix: FeatureMatrix = split.matrix
    return replace(
        split,
        matrix=replace(
            matrix,
            numeric=matrix.numeric if numeric is None else numeric,
            categorical=matrix.categorical if categorical is None else categorical,
        ),
    )


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_on_every_row_of_the_training_set(trained: Trained, split: str) -> None:
    rows: SplitData = getattr(trained.world.data, split)
    assert np.isnan(rows.matrix.numeric).any()
    assert differ(trained, rows) <= LIMIT


def test_with_any_value_missing(trained: Trained) -> None:
    train, generator = trained.world.data.train, np.random.default_rng(5)
    numeric, categorical = train.matrix.numeric.copy(), train.matrix.categorical.copy()
    numeric[generator.random(numeric.shape) < 0.3] = np.nan
    categorical[generator.random(categorical.shape) < 0.3] = ""
    numeric[0], categorical[0] = np.nan, ""
    assert differ(trained, replace_values(train, numeric, categorical)) <= LIMIT


def test_with_categories_that_were_never_seen(trained: Trained) -> None:
    train = trained.world.data.train
    categorical = train.matrix.categorical.copy()
    categorical[::2, 0], categorical[::3, 1] = "never seen", "Größe 漢字"
    assert differ(trained, replace_values(train, categorical=categorical)) <= LIMIT


def test_with_the_rarest_category(trained: Trained) -> None:
    """Machines that moved are too few for a column of their own in a linear model."""
    train = trained.world.data.train
    categorical = train.matrix.categorical.copy()
    assert 0 < (categorical[:, 0] == "moved").sum() < 10
    categorical[:, 0] = "moved"
    assert differ(trained, replace_values(train, categorical=categorical)) <= LIMIT


def test_far_outside_of_what_was_seen(trained: Trained) -> None:
    """A forecast that grows with its inputs is compared by its own size."""
    train = trained.world.data.train
    numeric = train.matrix.numeric * np.float32(1000)
    numeric[::2] *= -1
    rows = replace_values(train, numeric)
    size = float(np.abs(trained.fitted.predict(rows)).max()) if trained.world.task == "regression" else 1.0
    assert differ(trained, rows) <= LIMIT * max(1.0, size / float(np.std(rows.labels)))


@pytest.mark.parametrize("side", [-np.inf, np.inf])
def test_on_the_boundaries_of_the_trees(trained: Trained, side: float) -> None:
    """Neighbours in float32 around every value seen: a threshold rounded the wrong way would show here."""
    train = trained.world.data.train
    assert differ(trained, replace_values(train, np.nextafter(train.matrix.numeric, np.float32(side)))) <= LIMIT
