"""The declared models that a command is about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from include.errors import SettingsError

if TYPE_CHECKING:
    from include.features.spec import ModelSpec
    from include.settings import Settings
    from include.settings.models import ModelSettings

Chosen = tuple["dict[str, ModelSettings]", "dict[str, ModelSpec]"]


def choose_models(settings: Settings, names: Sequence[str], warn: Callable[[str], None]) -> Chosen:
    """The models of these names, all declared ones when none is given, with what dbt's manifest says of them.

    dbt's manifest is made where it is not as new as the project.

    Args:
        names: each is one, or several with spaces between them.
        warn: told of each model that is left out, because its file is wrong and nobody has asked for it.

    Raises:
        SettingsError: one that is asked for is not declared or its file is wrong, or none is left.
    """
    from include.features.catalog import load_catalog
    from include.features.manifest import build_manifest
    from include.features.spec import resolve_model

    if chosen := [name for words in names for name in words.split()]:
        models = {name: settings.find_model(name) for name in chosen}
    else:
        models = dict(settings.models)
        for name, message in settings.broken_models.items():
            warn(f"✘ {name} is left out: {message}")
    if not models:
        raise SettingsError(
            "No model is declared: include/config/models holds no NAME.yml that can be used. Declare one "
            "(docs/guides/scientist.md)."
        )
    build_manifest()
    catalog = load_catalog()
    return models, {name: resolve_model(model, catalog) for name, model in models.items()}
