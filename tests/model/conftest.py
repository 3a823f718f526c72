"""Every family, fitted once on the synthetic shop."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import pytest

from include.registry.onnx import OnnxModel
from include.settings import load_settings
from include.settings.training import TrainingSettings
from include.training.fit import FittedFamily, train_model
from tests.model.churn_frame import make_churn_frame

FAMILIES = load_settings().training.families


@dataclass(frozen=True)
class Trained:
    """A fitted family with the form of it that serves."""

    fitted: FittedFamily
    onnx: OnnxModel


@pytest.fixture(scope="session")
def settings() -> TrainingSettings:
    """The settings as they ship."""
    return load_settings().training


@pytest.fixture(scope="session")
def frame() -> pd.DataFrame:
    """The training set of the synthetic shop."""
    return make_churn_frame()


@pytest.fixture(scope="session", params=FAMILIES)
def trained(request: pytest.FixtureRequest, frame: pd.DataFrame, settings: TrainingSettings) -> Trained:
    """Each family in turn."""
    fitted = train_model(frame, request.param, settings)
    return Trained(fitted, OnnxModel(fitted.onnx))
