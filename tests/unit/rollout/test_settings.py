"""rollout.yml holds a value for every key, and nonsense is refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from include.errors import SettingsError
from tests.unit.rollout.shared_settings import load_rollout


@pytest.mark.parametrize("environment", ["development", "staging", "production"])
def test_every_environment_loads(environment: str) -> None:
    settings = load_rollout(environment)
    assert settings.canary.criteria.max_wait_s >= settings.canary.criteria.min_interval_s


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"canary": {"steps": [0.5, 0.25, 1.0]}}, "canary'.*rising shares"),
        ({"canary": {"steps": [0.5, 0.5, 1.0]}}, "rising shares"),
        ({"canary": {"steps": [0.05, 0.5]}}, r"end at 1\.0"),
        ({"canary": {"steps": [1.0]}}, "beside the challenger"),
        ({"canary": {"steps": [0.0, 1.0]}}, "rising shares"),
        ({"canary": {"steps": [0.5, 1.5]}}, r"canary\.steps\.1"),
        ({"canary": {"criteria": {"max_wait_s": 1}}}, "max_wait_s to be at least min_interval_s"),
        ({"canary": {"criteria": {"min_sample": 3}}}, "did you mean 'min_samples'"),
        ({"canary": {"criteria": {"min_samples": 0}}}, r"canary\.criteria\.min_samples"),
        ({"canary": {"criteria": {"wrong_rollback_max": 0}}}, r"canary\.criteria\.wrong_rollback_max"),
        ({"canary": {"criteria": {"error_rate_increase_max": 1.5}}}, r"canary\.criteria\.error_rate_increase_max"),
        ({"canary": {"lease_s": 20}}, "lease_s to be at least twice criteria.poll_interval_s"),
        ({"canary": {"criteria": {"latency_ratio_max": 0.5}}}, r"canary\.criteria\.latency_ratio_max"),
        ({"canary": {"criteria": {"prediction_shift_max": 0}}}, r"canary\.criteria\.prediction_shift_max"),
    ],
)
def test_a_wrong_value_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load_rollout("production", change)
