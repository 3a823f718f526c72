"""A training set of machines as arrays."""

from __future__ import annotations

import pytest

from include.training.splits import TrainingData, read_training_data
from tests.model.machines import load_training, make_frame, make_spec


@pytest.fixture(scope="package")
def data() -> TrainingData:
    """400 machines at five cutoffs, with a binary label."""
    return read_training_data(make_frame("binary"), make_spec("binary"), load_training("binary"))
