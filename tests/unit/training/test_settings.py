"""What ships is consistent, and what does not fit is refused with the key named."""

from __future__ import annotations

from typing import Any

import pytest

from include.errors import SettingsError
from include.settings import CONFIG_DIR, load_settings
from include.settings.section import merge_mappings, parse_section, read_yaml
from include.settings.training import TrainingSettings


def parse(**overrides: Any) -> TrainingSettings:
    """The shipped settings with some keys changed."""
    content = merge_mappings(read_yaml(CONFIG_DIR / "training.yml"), overrides)
    return parse_section(content, TrainingSettings, "development", "training.yml")


def test_training_keeps_at_least_the_distance_that_a_label_needs() -> None:
    settings = load_settings()
    assert settings.training.label_horizon_days >= settings.features.label_horizon_days


def test_the_gate_on_parity_is_no_looser_than_the_check_in_training() -> None:
    settings = load_settings()
    assert settings.gates.parity.max_difference <= settings.training.max_parity_difference


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        ({"selection_weights": {"f1": 0.5}}, "weights that sum to 1, they sum to 1.1"),
        ({"families": ["random_forest", "gradient_boosting"]}, "hold 'baseline' and at least one other"),
        ({"families": ["baseline"]}, "hold 'baseline' and at least one other"),
        ({"families": ["baseline", "neural_network"]}, "families.1"),
        ({"min_training_cutoffs": 7}, "at most training_cutoffs"),
        ({"max_credible_auc": 1.2}, "max_credible_auc"),
        ({"parameters": {"random_forest": {"n_trees": 3}}}, "n_trees"),
        ({"parameters": {"random_forest": {"max_features": 1.5}}}, "max_features"),
    ],
)
def test_a_wrong_value_is_refused_with_its_key(overrides: dict[str, Any], problem: str) -> None:
    with pytest.raises(SettingsError, match=problem):
        parse(**overrides)
