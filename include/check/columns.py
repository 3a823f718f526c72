"""The columns of every dbt model, read out of its SQL in the order in which the models are built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any, Final

from include.check.queries import AbsentColumn, Columns, Query
from include.check.rendering import MODELS, Renderer
from include.settings.sources import SourceSettings
from include.warehouse.tables import normalize_type

RAW: Final = "raw"
"""The schema of what ingestion publishes."""

_FAMILIES: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("bigint", "integer", "smallint", "real", "double precision", "numeric"), "number",
    ),
    **dict.fromkeys(("text", "character varying", "character", "char", "citext"), "text"),
    **dict.fromkeys(("timestamp without time zone", "timestamp with time zone"), "moment"),
    "boolean": "boolean", "date": "date", "uuid": "uuid",
}  # fmt: skip


@dataclass(frozen=True)
class ModelColumns:
    """What the SQL of one model tells of columns.

    Attributes:
        returned: None where it cannot be told.
        absent: columns that it reads and that are not there.
        problem: why nothing can be told, if so.
    """

    returned: Columns | None = None
    absent: tuple[AbsentColumn, ...] = ()
    problem: str = ""


def read_model_columns(
    manifest: Mapping[str, Any], variables: Mapping[str, Any], sources: SourceSettings | None
) -> dict[str, ModelColumns]:
    """What the SQL of each model tells, by the model's name.

    Args:
        variables: of ``dbt_project.yml``.
        sources: what is published; None: nothing is known of it.
    """
    renderer = Renderer(manifest, variables)
    tables = _list_raw_tables(manifest, sources)
    found: dict[str, ModelColumns] = {}
    for node in sort_models(manifest):
        name = node["name"]
        found[name] = _read_model(renderer, node, tables)
        known = list_contract(node) if is_enforced(node) else found[name].returned
        if known is not None:
            tables[MODELS, name] = known
    return found


def sort_models(manifest: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The models in the order in which they are built."""
    models = {key: node for key, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    graph = {key: (node.get("depends_on") or {}).get("nodes") or [] for key, node in models.items()}
    return [models[key] for key in TopologicalSorter(graph).static_order() if key in models]


def is_enforced(node: Mapping[str, Any]) -> bool:
    """Whether dbt holds a model to its contract."""
    return bool((node["config"].get("contract") or {}).get("enforced"))


def list_contract(node: Mapping[str, Any]) -> Columns:
    """The columns of a model's yml, with their types."""
    return {name: column.get("data_type") or None for name, column in node["columns"].items()}


def find_family(data_type: str | None) -> str | None:
    """What kind of value a type holds: number, text, moment, date, boolean or uuid; None where it is another."""
    base = normalize_type(data_type or "").partition("(")[0].strip()
    return _FAMILIES.get(base)


def _read_model(renderer: Renderer, node: Mapping[str, Any], tables: Mapping[tuple[str, str], Columns]) -> ModelColumns:
    if node.get("language") not in (None, "sql"):
        return ModelColumns(problem=f"it is written in {node['language']}")
    try:
        query = Query(renderer.render(node), tables)
        return ModelColumns(query.find_columns(), tuple(query.find_absent()))
    except Exception as error:  # SQL and macros come in more ways than can be read without dbt and a database
        return ModelColumns(problem=f"{type(error).__name__}: {error}")


def _list_raw_tables(manifest: Mapping[str, Any], sources: SourceSettings | None) -> dict[tuple[str, str], Columns]:
    """The published tables under the names that dbt has for them."""
    tables: dict[tuple[str, str], Columns] = {}
    for one in manifest["sources"].values():
        if sources and one["schema"] == RAW and one["identifier"] in sources.sources:
            tables[one["source_name"], one["name"]] = sources.sources[one["identifier"]].published_types
    return tables
