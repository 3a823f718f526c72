"""The declared models, as DAG files and tasks need them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from airflow.sdk import get_parsing_context

from include.settings import load_settings
from include.settings.models import ModelSettings

if TYPE_CHECKING:
    from include.features.spec import ModelSpec


def declared_models(hop: str) -> Iterator[ModelSettings]:
    """Every declared model, for a file that makes one DAG of each; for a task, only the model of its DAG.

    Args:
        hop: the file's name, which ends the ids of its DAGs.
    """
    running = get_parsing_context().dag_id
    for model in load_settings().models.values():
        if running in (None, name_dag(model.name, hop)):
            yield model


def name_dag(model: str, hop: str) -> str:
    """The id of a model's DAG, such as ``prices.score_batch``."""
    return f"{model}.{hop}"


def find_spec(model: ModelSettings) -> ModelSpec:
    """The model's declaration joined with what dbt's manifest says of its groups and its label.

    Raises:
        ManifestMissingError: there is no manifest yet.
        SettingsError: the declaration does not fit the catalog; names the file and the nearest name.
    """
    from include.features.catalog import load_catalog
    from include.features.spec import resolve_model

    return resolve_model(model, load_catalog())
