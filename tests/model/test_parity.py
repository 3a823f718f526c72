"""The ONNX form answers like the model itself, where the data is ugly too."""

from __future__ import annotations

import numpy as np
import pandas as pd

from include.settings.training import TrainingSettings
from include.training.dataset import list_features, take_split
from tests.model.conftest import Trained


def differ(trained: Trained, rows: np.ndarray) -> float:
    """The largest difference in probability."""
    model = trained.fitted.model.predict_proba(rows)[:, 1]
    return float(np.abs(model - trained.onnx.predict(rows)).max())


def test_on_every_row_of_the_training_set(trained: Trained, frame: pd.DataFrame, settings: TrainingSettings) -> None:
    rows = np.concatenate([take_split(frame, split).features for split in ("train", "validation", "test")])
    assert np.isnan(rows).any()
    assert differ(trained, rows) <= settings.max_parity_difference


def test_with_any_value_missing(trained: Trained, frame: pd.DataFrame, settings: TrainingSettings) -> None:
    rows = take_split(frame, "train").features.copy()
    rows[np.random.default_rng(5).random(rows.shape) < 0.3] = np.nan
    rows[0] = np.nan
    assert differ(trained, rows) <= settings.max_parity_difference


def test_far_outside_of_what_was_seen(trained: Trained, frame: pd.DataFrame, settings: TrainingSettings) -> None:
    rows = take_split(frame, "train").features[:200].copy()
    rows *= np.float32(1000)
    rows[::2] *= -1
    assert differ(trained, rows) <= settings.max_parity_difference


def test_on_the_boundaries_of_the_trees(trained: Trained, settings: TrainingSettings, frame: pd.DataFrame) -> None:
    """Neighbours in float32 around every value seen: a threshold rounded the wrong way would show here."""
    seen = take_split(frame, "train").features
    rows = np.concatenate([np.nextafter(seen, np.float32(side)) for side in (-np.inf, np.inf)])
    assert rows.shape[1] == len(list_features(frame))
    assert differ(trained, rows) <= settings.max_parity_difference
