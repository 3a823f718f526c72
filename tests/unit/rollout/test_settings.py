"""rollout.yml holds a value for every key, and nonsense is refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from include.errors import SettingsError
from include.settings import CONFIG_DIR
from include.settings.rollout import RolloutSettings
from include.settings.section import load_section, parse_section, read_yaml


@pytest.mark.parametrize("environment", ["development", "staging", "production"])
def test_every_environment_loads(environment: str) -> None:
    settings = load_section(CONFIG_DIR / "rollout.yml", RolloutSettings, environment)
    assert settings.canary.criteria.max_wait_s >= settings.canary.criteria.min_interval_s


def test_production_demands_what_the_contract_says() -> None:
    criteria = load_section(CONFIG_DIR / "rollout.yml", RolloutSettings, "production").canary.criteria
    assert criteria.success_rate_min == 0.999
    assert criteria.error_rate_max == 0.001
    assert criteria.error_rate_increase_max == 0.01
    assert criteria.latency_p95_max_ms == 100
    assert criteria.latency_ratio_max == 2
    # With fewer samples a single error would be above the limit.
    assert criteria.min_samples * criteria.error_rate_max >= 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"canary": {"steps": [0.5, 0.25, 1.0]}}, "canary'.*rising shares"),
        ({"canary": {"steps": [0.5, 0.5, 1.0]}}, "rising shares"),
        ({"canary": {"steps": [0.05, 0.5]}}, r"end at 1\.0"),
        ({"canary": {"steps": [1.0]}}, "beside the challenger"),
        ({"canary": {"steps": [0.0, 1.0]}}, "rising shares"),
        ({"canary": {"steps": [0.5, 1.5]}}, "canary.steps.1"),
        ({"canary": {"criteria": {"max_wait_s": 1}}}, "max_wait_s to be at least min_interval_s"),
        ({"canary": {"criteria": {"min_sample": 3}}}, "did you mean 'min_samples'"),
        ({"canary": {"criteria": {"min_samples": 0}}}, "canary.criteria.min_samples"),
        ({"canary": {"criteria": {"error_rate_max": 1.5}}}, "canary.criteria.error_rate_max"),
        ({"canary": {"criteria": {"latency_ratio_max": 0.5}}}, "canary.criteria.latency_ratio_max"),
        ({"server": {"log_capacity": "many"}}, "server.log_capacity"),
    ],
)
def test_a_wrong_value_is_named(change: dict[str, Any], message: str) -> None:
    content = read_yaml(CONFIG_DIR / "rollout.yml") | {"environments": {"production": change}}
    with pytest.raises(SettingsError, match=message):
        parse_section(content, RolloutSettings, "production", source="rollout.yml")
