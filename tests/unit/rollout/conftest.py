"""Fixtures: each kind of model, and the settings of development."""

from __future__ import annotations

import pytest

from include.settings.rollout import RolloutSettings
from tests.unit.rollout.shared_settings import load_rollout
from tests.unit.scoring.registered_models import case

__all__ = ["case", "rollout_settings"]


@pytest.fixture
def rollout_settings() -> RolloutSettings:
    """Those of development."""
    return load_rollout("development")
