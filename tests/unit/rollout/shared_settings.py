"""The shared rollout.yml as a model without changes of its own gets it."""

from __future__ import annotations

from typing import Any

from include.settings import CONFIG_DIR
from include.settings.models import read_shared
from include.settings.rollout import RolloutSettings
from include.settings.section import check_section, merge_mappings

FILE = CONFIG_DIR / "rollout.yml"


def load_rollout(environment: str, change: dict[str, Any] | None = None) -> RolloutSettings:
    """The settings of one environment, with what a model changes of them."""
    shared = read_shared(FILE, frozenset({"server"}))
    values = merge_mappings(shared.find_values("binary", environment), change or {})
    return check_section(values, RolloutSettings, environment, str(FILE))
