"""The shared settings as a model gets them in production, with or without changes of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from include.settings import CONFIG_DIR
from include.settings.models import SECTIONS, ModelSettings, build_model, read_shared
from include.settings.monitoring import MonitoringSettings
from include.settings.section import check_section
from tests.unit.scoring.registered_models import ModelCase

_HOUSE_KEYS: Final = {"rollout": frozenset({"server"}), "governance": frozenset({"lineage"})}
SHARED: Final = {name: read_shared(CONFIG_DIR / f"{name}.yml", _HOUSE_KEYS.get(name, frozenset())) for name in SECTIONS}
SETTINGS: Final = check_section(
    SHARED["monitoring"].find_values("binary", "production"), MonitoringSettings, "production", "monitoring.yml"
)


def declare_model(case: ModelCase, monitoring: dict[str, Any] | None = None) -> ModelSettings:
    """A model as its file declares it, with what it changes of monitoring."""
    head = {
        "description": "A model of a test.",
        "owner": "maintenance",
        "task": case.contract.task,
        "label": f"{case.name}_labels.{case.label[0]}",
        "features": {"groups": [case.group.name]},
        "trainer": "scientist",
        "monitoring": monitoring or {},
    }
    return build_model(Path(f"{case.name}.yml"), head, SHARED, "production")
