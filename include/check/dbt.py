"""dbt: the project parses, its vars are set, its sources are declared, and its SQL reads columns that are there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from include.check.columns import RAW, ModelColumns, find_family, is_enforced, list_contract, sort_models
from include.check.finding import Finding, Place, Reporter, one_line, show_path, suggest
from include.check.places import find_key, find_word
from include.check.queries import AbsentColumn
from include.check.rendering import MODELS
from include.check.variables import list_uses
from include.commands.console import list_some
from include.errors import SettingsError
from include.features import manifest as dbt_manifest
from include.features.catalog import Catalog
from include.settings.source_names import OWN_TABLES
from include.settings.sources import SourceSettings

_REPORT: Final = Reporter("dbt")
LEDGERS: Final = frozenset(table.partition(".")[2] for table in OWN_TABLES.values() if table.startswith(f"{RAW}."))
"""Tables of ingestion's own that models may read."""


def parse_project(found: dict[str, Any]) -> Iterator[Finding]:
    """Make the manifest, and put its content into ``found``."""
    try:
        dbt_manifest.build_manifest()
        found |= dbt_manifest.read_manifest()
    except SettingsError as error:
        message = str(error)
        reason = message.partition("Encountered an error:")[2] or message.partition(":\n")[2] or message
        yield _REPORT.fault("project", f"dbt cannot parse it: {one_line(reason)}", "Correct what dbt names")
        return
    models = [node for node in found["nodes"].values() if node["resource_type"] == "model"]
    yield _REPORT.fine("project", f"dbt parses it; it has {len(models)} model(s)")


def check_dbt(
    manifest: Mapping[str, Any],
    catalog: Catalog,
    variables: Mapping[str, Any],
    sources: SourceSettings | None,
    columns: Mapping[str, ModelColumns],
    config: Path,
) -> Iterator[Finding]:
    """Look at a project that dbt could parse.

    Args:
        columns: what the SQL of each model tells.
        config: ``sources.yml``.
    """
    yield from _REPORT.guard("vars", partial(_check_variables, manifest, variables))
    yield from _REPORT.guard("meta", partial(_check_catalog, manifest, catalog))
    if sources is not None:
        yield from _REPORT.guard("sources", partial(_check_sources, manifest, sources, config))
    for node in sort_models(manifest):
        told = columns.get(node["name"], ModelColumns())
        yield from _REPORT.guard(node["name"], partial(_check_model, node, told))
    yield from _REPORT.guard("columns", partial(_summarise, columns))


def place_file(path: str, word: str = "") -> Place:
    """A file of the dbt project, and the first line in it that holds a word."""
    file = dbt_manifest.DBT_DIR / path
    return Place(show_path(file), word, find_word(file, word) if word else None)


def place_yml(node: Mapping[str, Any], word: str = "") -> Place:
    """The yml file of a model; its SQL where it has none."""
    return place_file(str(node.get("patch_path") or node["original_file_path"]).partition("://")[2] or
                      node["original_file_path"], word)  # fmt: skip


def _check_variables(manifest: Mapping[str, Any], variables: Mapping[str, Any]) -> Iterator[Finding]:
    missing = [use for use in list_uses(manifest) if use.name not in variables]
    for use in missing:
        told = f"reads the var {use.name!r}, which dbt_project.yml does not have: the build would fail"
        remedy = f"{suggest(use.name, variables)} Correct the name, or add it below vars"
        yield _REPORT.fault(Path(use.file).stem, told, remedy, place_file(use.file, use.name))
    if not missing:
        yield _REPORT.fine("vars", "dbt_project.yml sets every var that is read")


def _check_catalog(manifest: Mapping[str, Any], catalog: Catalog) -> Iterator[Finding]:
    nodes = {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "model"}
    for name, message in catalog.errors.items():
        key = re.search(r"key '(\w+)", message)
        remedy = "keys are names of columns; the type of each is its data_type" if key and key[1] == "keys" else ""
        yield _REPORT.fault(name, message, remedy, place_yml(nodes[name], key[1] if key else "meta"))
    if not catalog.errors:
        told = f"declares {len(catalog.groups)} feature group(s) and {len(catalog.labels)} label table(s)"
        yield _REPORT.fine("meta", told)
    if not catalog.groups and not catalog.errors:
        yield _REPORT.note("meta", "no model declares a feature group", "docs/guides/analyst.md says how")


def _check_sources(manifest: Mapping[str, Any], sources: SourceSettings, config: Path) -> Iterator[Finding]:
    readers = _list_readers(manifest)
    for key, source in manifest["sources"].items():
        if source["schema"] == RAW:
            yield from _check_source(source, readers.get(key, []), sources)
    published = {key: one["identifier"] for key, one in manifest["sources"].items() if one["schema"] == RAW}
    read = {name for key, name in published.items() if readers[key]}
    for name in sources.sources:
        if name not in read:
            told = f"no dbt model reads raw.{name}"
            remedy = f"Read it in a model of dbt/models/staging by source('{RAW}', '{name}')"
            yield _REPORT.note(name, told, remedy, find_key(config, f"sources.{name}"))


def _list_readers(manifest: Mapping[str, Any]) -> dict[str, list[str]]:
    """The models that read each source, by the source's key."""
    readers: dict[str, list[str]] = {key: [] for key in manifest["sources"]}
    for node in manifest["nodes"].values():
        for key in (node.get("depends_on") or {}).get("nodes") or []:
            if key in readers and node["resource_type"] in ("model", "snapshot"):
                readers[key].append(node["name"])
    return readers


def _check_source(source: Mapping[str, Any], readers: list[str], sources: SourceSettings) -> Iterator[Finding]:
    name, file = source["identifier"], source["original_file_path"]
    if name in LEDGERS:
        return
    if name not in sources.sources:
        told = f"raw.{name} is no source of sources.yml, so that ingestion never fills it"
        remedy = f"{suggest(name, {*sources.sources, *LEDGERS})} Declare it, or take it out of {Path(file).name}"
        if readers:
            yield _REPORT.fault(name, f"{told}; {list_some(readers)} reads it", remedy, place_file(file, name))
        else:
            yield _REPORT.note(name, told, remedy, place_file(file, name))
        return
    described, published = list(source["columns"]), sources.sources[name].published_types
    extra, silent = (
        [one for one in described if one not in published],
        [one for one in published if one not in described],
    )
    for column in extra:
        told = f"{Path(file).name} describes the column {column!r}, which sources.yml does not publish"
        yield _REPORT.note(name, told, suggest(column, published), place_file(file, column))
    if described and silent:
        told = f"{Path(file).name} does not describe {list_some(silent)}, which sources.yml publishes"
        yield _REPORT.note(name, told, "Describe them, if models read them", place_file(file, name))
    if not extra and readers:
        yield _REPORT.fine(name, f"is declared and read by {list_some(readers)}")


def _check_model(node: Mapping[str, Any], told: ModelColumns) -> Iterator[Finding]:
    name, file = node["name"], node["original_file_path"]
    for absent in told.absent:
        where = _name_table(absent)
        remedy = suggest(absent.column, absent.known)
        yield _REPORT.fault(name, f"its SQL reads {absent.column!r}, {where}", remedy, place_file(file, absent.column))
    if told.returned is None:
        return
    contract, meta = list_contract(node), node["config"].get("meta") or {}
    lacking = [column for column in contract if column not in told.returned]
    if is_enforced(node) or {"feature_group", "label"} & set(meta):
        for column in lacking:
            message = f"its yml lists the column {column!r}, which its SQL does not return"
            yield _REPORT.fault(name, message, suggest(column, told.returned), place_yml(node, column))
        yield from _check_types(node, told)
    elif lacking:
        message = f"its yml describes {list_some(lacking)}, which its SQL does not return"
        yield _REPORT.note(name, message, suggest(lacking[0], told.returned), place_yml(node, lacking[0]))
    for column in [one for one in told.returned if one not in contract] if is_enforced(node) else []:
        message = f"its SQL returns {column!r}, which its contract does not list: dbt refuses that"
        yield _REPORT.fault(name, message, suggest(column, contract), place_file(file, column))


def _check_types(node: Mapping[str, Any], told: ModelColumns) -> Iterator[Finding]:
    for column, data_type in list_contract(node).items():
        returned = (told.returned or {}).get(column)
        families = find_family(data_type), find_family(returned)
        if None not in families and families[0] != families[1]:
            message = f"its yml says that {column!r} is {data_type}, and its SQL returns {returned}"
            yield _REPORT.fault(node["name"], message, "Correct data_type, or cast the column", place_yml(node, column))


def _name_table(absent: AbsentColumn) -> str:
    if absent.table is None:
        return "which none of the tables that it reads has"
    schema, name = absent.table
    if schema == MODELS:
        return f"which the model {name!r} does not return"
    return f"which {schema}.{name} does not have: sources.yml does not publish it"


def _summarise(columns: Mapping[str, ModelColumns]) -> Iterator[Finding]:
    unread = {name: told.problem for name, told in columns.items() if told.problem}
    good = [name for name, told in columns.items() if not told.problem and not told.absent]
    if good:
        yield _REPORT.fine("columns", f"{len(good)} model(s) read columns that are there, as far as SQL alone tells")
    if unread:
        first, reason = next(iter(unread.items()))
        told = f"the columns of {len(unread)} model(s) cannot be told without a database: {list_some(unread)}"
        yield _REPORT.note("columns", f"{told} ({first}: {reason})", "make dbt ARGS=build tells")
