"""The declared models, as DAG files and tasks need them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from airflow.sdk import get_parsing_context

from include.errors import SettingsError
from include.settings import describe_broken, load_settings
from include.settings.models import ModelSettings

if TYPE_CHECKING:
    from include.features.spec import ModelSpec


def declared_models(hop: str) -> Iterator[ModelSettings]:
    """Every declared model, for a file that makes one DAG of each; for a task, only the model of its DAG.

    Args:
        hop: the file's name, which ends the ids of its DAGs.

    Raises:
        SettingsError: the file of the model whose task runs is wrong; those of other models stop nothing.
    """
    running, settings = get_parsing_context().dag_id, load_settings()
    for name in settings.broken_models:
        if running == name_dag(name, hop):
            settings.find_model(name)
    for model in settings.models.values():
        if running in (None, name_dag(model.name, hop)):
            yield model


def name_dag(model: str, hop: str) -> str:
    """The id of a model's DAG, such as ``prices.score_batch``."""
    return f"{model}.{hop}"


def check_models() -> None:
    """Check every model's file, and each model against dbt's catalog if there is one; nothing while a task runs.

    Without a manifest, or where dbt's own declarations are wrong, ``build_features`` says so.

    Raises:
        SettingsError: names every model that cannot work, and why.
    """
    if get_parsing_context().dag_id is not None:
        return
    settings = load_settings()
    problems = [*settings.broken_models.values(), *find_misfits(settings.models.values())]
    if problems:
        raise SettingsError(describe_broken(problems))


def find_misfits(models: Iterable[ModelSettings]) -> list[str]:
    """What each model names that dbt's catalog does not have; nothing while the catalog cannot be read."""
    from include.features.catalog import load_catalog
    from include.features.spec import resolve_model

    problems = []
    try:
        catalog = load_catalog()
    except SettingsError:
        return []
    for model in models:
        try:
            resolve_model(model, catalog)
        except SettingsError as error:
            problems.append(str(error))
    return problems


def find_spec(model: ModelSettings) -> ModelSpec:
    """The model's declaration joined with what dbt's manifest says of its groups and its label.

    Raises:
        ManifestMissingError: there is no manifest yet.
        SettingsError: the declaration does not fit the catalog; names the file and the nearest name.
    """
    from include.features.catalog import load_catalog
    from include.features.spec import resolve_model

    return resolve_model(model, load_catalog())
