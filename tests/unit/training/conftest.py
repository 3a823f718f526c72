"""Small machines of each task, and a real MLflow."""

from __future__ import annotations

import itertools

import pandas as pd
import pytest

from include.features.spec import ModelSpec
from include.settings.training import TrainingSettings
from include.training.fit import TrainingLineage
from tests.model.machines import load_training, make_frame, make_spec
from tests.unit.registry.mlflow_server import start_shared_server

_names = itertools.count()


@pytest.fixture(scope="session")
def settings() -> TrainingSettings:
    """The settings of a binary model, for few machines."""
    return load_training("binary")


@pytest.fixture
def spec() -> ModelSpec:
    """A binary model of a name of this test's own."""
    return make_spec("binary", f"machines_{next(_names)}")


@pytest.fixture(scope="session")
def frame() -> pd.DataFrame:
    """A training set of 400 machines at five cutoffs, with a binary label."""
    return make_frame("binary")


@pytest.fixture(scope="session")
def tracking_uri() -> str:
    """A real MLflow on loopback."""
    return start_shared_server().uri


@pytest.fixture(scope="session")
def lineage() -> TrainingLineage:
    """Where the test's models come from."""
    return TrainingLineage("2026-03-01T12:00:00+00:00", "data-1", "machine_features=1", "code-1", "scientist")
