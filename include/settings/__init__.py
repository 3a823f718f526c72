"""Environment + YAML → one frozen :class:`Settings`.

Numbers that people tune stand in ``include/config/*.yml``; secrets never do (they come from
Airflow connections). ``ORRERY_ENVIRONMENT`` picks development (default), staging or production.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Final, get_args

from include.errors import SettingsError
from include.settings.features import FeatureSettings
from include.settings.gates import GateSettings
from include.settings.governance import GovernanceSettings
from include.settings.monitoring import MonitoringSettings
from include.settings.rollout import RolloutSettings
from include.settings.section import Environment, Section, load_section
from include.settings.sources import SourceSettings
from include.settings.training import TrainingSettings

PROJECT_ROOT: Final = Path(__file__).resolve().parents[2]
CONFIG_DIR: Final = PROJECT_ROOT / "include" / "config"


class Settings(Section):
    """Everything that people tune, by room of the house."""

    environment: Environment
    sources: SourceSettings
    features: FeatureSettings
    training: TrainingSettings
    gates: GateSettings
    rollout: RolloutSettings
    monitoring: MonitoringSettings
    governance: GovernanceSettings


def load_settings(config_dir: Path | None = None, environment: str | None = None) -> Settings:
    """Load all sections; defaults run with nothing set.

    Args:
        config_dir: folder of the YAML files; ``ORRERY_CONFIG_DIR`` or ``include/config`` when absent.
        environment: overrides ``ORRERY_ENVIRONMENT``.

    Raises:
        SettingsError: names the file, the key and what was expected.
    """
    folder = config_dir or Path(os.environ.get("ORRERY_CONFIG_DIR", CONFIG_DIR))
    return _load(folder, resolve_environment(environment))


def resolve_environment(environment: str | None = None) -> Environment:
    """The environment's name, checked.

    Raises:
        SettingsError: the name is none of development, staging, production.
    """
    name = environment or os.environ.get("ORRERY_ENVIRONMENT", "development")
    for known in get_args(Environment):
        if name == known:
            return known  # type: ignore[no-any-return]
    raise SettingsError(f"ORRERY_ENVIRONMENT is {name!r}; expected one of {', '.join(get_args(Environment))}.")


@lru_cache(maxsize=8)
def _load(folder: Path, environment: Environment) -> Settings:
    settings = Settings(
        environment=environment,
        sources=load_section(folder / "sources.yml", SourceSettings, environment),
        features=load_section(folder / "features.yml", FeatureSettings, environment),
        training=load_section(folder / "training.yml", TrainingSettings, environment),
        gates=load_section(folder / "gates.yml", GateSettings, environment),
        rollout=load_section(folder / "rollout.yml", RolloutSettings, environment),
        monitoring=load_section(folder / "monitoring.yml", MonitoringSettings, environment),
        governance=load_section(folder / "governance.yml", GovernanceSettings, environment),
    )
    labels, cutoffs = settings.features.label_horizon_days, settings.training.label_horizon_days
    if labels != cutoffs:
        raise SettingsError(
            f"label_horizon_days is {labels} in {folder / 'features.yml'} and {cutoffs} in {folder / 'training.yml'} "
            f"(environment {environment!r}): labels would reach beyond the next cutoff. Give both one value."
        )
    return settings
