"""Environment + YAML → one frozen :class:`Settings`.

Numbers that people tune stand in ``include/config/*.yml`` and, for one model, in
``include/config/models/NAME.yml``; secrets never do (they come from Airflow connections).
``ORRERY_ENVIRONMENT`` picks development (default), staging or production.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, get_args

from include.errors import SettingsError
from include.settings.features import FeatureSettings
from include.settings.governance import LineageSettings
from include.settings.models import ModelSettings, load_models, read_shared
from include.settings.notifications import NotificationSettings
from include.settings.rollout import ServerSettings
from include.settings.section import (
    Environment,
    Section,
    SectionT,
    check_section,
    load_section,
    merge_mappings,
    read_overrides,
    read_yaml,
)
from include.settings.sources import SourceSettings

PROJECT_ROOT: Final = Path(__file__).resolve().parents[2]
CONFIG_DIR: Final = PROJECT_ROOT / "include" / "config"


class Settings(Section):
    """Everything that people tune: what holds for the whole house, and each model's own.

    Attributes:
        notifications: for what belongs to no model; a model has its own.
        broken_models: what is wrong with a model's file, in one line, by the file's stem; such a model is not in
            ``models``.
    """

    environment: Environment
    sources: SourceSettings
    server: ServerSettings
    lineage: LineageSettings
    features: FeatureSettings
    notifications: NotificationSettings
    models: dict[str, ModelSettings]
    broken_models: dict[str, str]

    def find_model(self, name: str) -> ModelSettings:
        """The settings of one model.

        Raises:
            SettingsError: its file is wrong, or no file declares it; near names are given.
        """
        if name in self.broken_models:
            raise SettingsError(self.broken_models[name])
        if name in self.models:
            return self.models[name]
        near = difflib.get_close_matches(name, self.models, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Declared are: {', '.join(self.models) or 'none'}."
        raise SettingsError(f"No file of include/config/models declares a model {name!r}. {hint}")


def describe_broken(messages: Collection[str]) -> str:
    """One text of what is wrong with each of several models."""
    return "\n".join((f"{len(messages)} of the declared models cannot work:", *(f"  - {text}" for text in messages)))


def load_settings(config_dir: Path | None = None, environment: str | None = None) -> Settings:
    """Load all sections and models; defaults run with nothing set.

    A wrong file of one model is noted in ``broken_models`` and stops nothing else.

    Args:
        config_dir: folder of the YAML files; ``ORRERY_CONFIG_DIR`` or ``include/config`` when absent.
        environment: overrides ``ORRERY_ENVIRONMENT``.

    Raises:
        SettingsError: a shared file is wrong; names the file, the key and what was expected.
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


def load_house_section(path: Path, key: str, section_type: type[SectionT], environment: Environment) -> SectionT:
    """One top-level key of a shared file that holds for the whole house; every environment is checked."""
    content = read_yaml(path)
    overrides = read_overrides(content, str(path))

    def build(name: str) -> SectionT:
        values: dict[str, Any] = merge_mappings(content.get(key) or {}, overrides.get(name, {}).get(key) or {})
        return check_section(values, section_type, name, f"{path}, key '{key}'")

    return {name: build(name) for name in get_args(Environment)}[environment]


def load_features(path: Path, environment: Environment) -> FeatureSettings:
    """The settings of the feature store; a folder of an earlier release has no such file, and gets the defaults."""
    return load_section(path, FeatureSettings, environment) if path.exists() else FeatureSettings()


def load_notifications(path: Path, environment: Environment) -> NotificationSettings:
    """Who hears what belongs to no model; what the file says for the models of one task is for those alone."""
    file = read_shared(path)
    values = merge_mappings(file.base, file.environments.get(environment, {}))
    return check_section(values, NotificationSettings, environment, str(path))


@lru_cache(maxsize=8)
def _load(folder: Path, environment: Environment) -> Settings:
    models, broken = load_models(folder, environment)
    # Not validated again as a whole: each part is frozen and checked already.
    return Settings.model_construct(
        environment=environment,
        sources=load_section(folder / "sources.yml", SourceSettings, environment),
        server=load_house_section(folder / "rollout.yml", "server", ServerSettings, environment),
        lineage=load_house_section(folder / "governance.yml", "lineage", LineageSettings, environment),
        features=load_features(folder / "features.yml", environment),
        notifications=load_notifications(folder / "notifications.yml", environment),
        models=models,
        broken_models=broken,
    )


def reload_settings(config_dir: Path, environment: str | None = None) -> Settings:
    """Like :func:`load_settings`, from the files as they are now: for a process that outlives their changes."""
    return _load.__wrapped__(config_dir, resolve_environment(environment))
