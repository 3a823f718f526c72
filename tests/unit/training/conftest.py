"""The synthetic shop, settings that fit its size, and a real MLflow."""

from __future__ import annotations

import itertools

import pandas as pd
import pytest

from include.settings import load_settings
from include.settings.training import TrainingSettings
from include.training.fit import TrainingLineage
from tests.model.churn_frame import make_churn_frame
from tests.unit.registry.mlflow_server import start_shared_server

_names = itertools.count()


@pytest.fixture(scope="session")
def shipped() -> TrainingSettings:
    """The settings as they ship."""
    return load_settings().training


@pytest.fixture
def settings(shipped: TrainingSettings) -> TrainingSettings:
    """As shipped, for a small shop, with a model and an experiment of this test's own."""
    name = f"churn-training-{next(_names)}"
    history = {"label_horizon_days": 28, "training_cutoffs": 6, "training_cutoff_spacing_days": 28}
    limits = {"min_training_cutoffs": 2, "min_training_rows": 100, "max_model_age_days": 28}
    return shipped.model_copy(update={"model_name": name, "experiment": name, **history, **limits})


@pytest.fixture(scope="session")
def frame() -> pd.DataFrame:
    """A training set of 600 households."""
    return make_churn_frame()


@pytest.fixture(scope="session")
def tracking_uri() -> str:
    """A real MLflow on loopback."""
    return start_shared_server().uri


@pytest.fixture
def lineage() -> TrainingLineage:
    """Where the test's models come from."""
    return TrainingLineage("data-1", "features-1", "code-1", "scientist")
