"""Contracts: feature groups, labels, and the models that are declared over them, against each other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from include.check.columns import ModelColumns
from include.check.dbt import place_file, place_yml
from include.check.finding import Finding, Reporter, suggest
from include.check.places import find_key
from include.commands.console import list_some
from include.errors import SettingsError
from include.features.catalog import Catalog, FeatureGroup, LabelTable
from include.features.spec import ModelSpec, resolve_model
from include.settings.models import ModelSettings
from include.training.cutoffs import find_spacing

_REPORT: Final = Reporter("contracts")


def check_contracts(
    manifest: Mapping[str, Any],
    catalog: Catalog,
    columns: Mapping[str, ModelColumns],
    models: Mapping[str, ModelSettings],
    folder: Path,
) -> Iterator[Finding]:
    """Look at every feature group, label and model.

    Args:
        columns: what the SQL of each dbt model tells.
        folder: of the models' files.
    """
    nodes = {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "model"}
    for group in catalog.groups.values():
        yield from _REPORT.guard(group.name, partial(_check_group, group, nodes, columns))
    for label in catalog.labels.values():
        yield from _REPORT.guard(label.name, partial(_check_label, label, nodes[label.name]))
    for name, model in models.items():
        yield from _REPORT.guard(name, partial(_check_model, model, catalog, folder / f"{name}.yml"))


def _check_group(
    group: FeatureGroup, nodes: Mapping[str, Any], columns: Mapping[str, ModelColumns]
) -> Iterator[Finding]:
    yield from _check_primary_key(nodes[group.name], [group.event_time, *group.entity.key_names])
    if group.online_model is None:
        remedy = "Name a model with the newest row of each entity as online in its meta"
        yield _REPORT.note(group.name, "it has no online table: models of it cannot be served by key", remedy)
    else:
        yield from _check_online(group, nodes[group.online_model], columns.get(group.online_model, ModelColumns()))
    keys = ", ".join(f"{key.name} {key.type}" for key in group.entity.keys)
    yield _REPORT.fine(group.name, f"feature group of {group.entity.name} ({keys}), {len(group.features)} feature(s)")


def _check_online(group: FeatureGroup, node: Mapping[str, Any], told: ModelColumns) -> Iterator[Finding]:
    """The online model returns the keys, the event time and every feature of its group."""
    name = node["name"]
    if told.returned is None:
        reason = told.problem or "a table that it reads is not known"
        yield _REPORT.note(name, f"its columns cannot be told from its SQL ({reason})", "Compare them with the group's")
        return
    wanted = [group.event_time, *group.entity.key_names, *(feature.name for feature in group.features)]
    lacking = [column for column in wanted if column not in told.returned]
    for column in lacking:
        message = f"its SQL does not return {column!r} of the feature group {group.name!r}: publishing would fail"
        yield _REPORT.fault(name, message, suggest(column, told.returned), place_file(node["original_file_path"]))
    if not lacking:
        yield _REPORT.fine(name, f"returns every column of {group.name}")


def _check_label(label: LabelTable, node: Mapping[str, Any]) -> Iterator[Finding]:
    yield from _check_primary_key(node, [label.event_time, *label.entity.key_names])
    kinds = ", ".join(f"{column} ({kind})" for column, kind in label.columns.items())
    yield _REPORT.fine(label.name, f"label of {label.entity.name}: {kinds}, known after {label.horizon_days} day(s)")


def _check_primary_key(node: Mapping[str, Any], wanted: Sequence[str]) -> Iterator[Finding]:
    """The primary key of the contract is the event time and the keys."""
    found = _list_primary_key(node)
    should = f"a row is named by {', '.join(wanted)}"
    remedy = f"Write constraints: [{{type: primary_key, columns: [{', '.join(wanted)}]}}]"
    place = place_yml(node, "primary_key")
    if not found:
        yield _REPORT.note(node["name"], f"its contract has no primary key; {should}", remedy, place_yml(node))
    elif set(wanted) - set(found):
        message = (
            f"its primary key is {', '.join(found)}, but {should}: rows of several dates or entities would collide"
        )
        yield _REPORT.fault(node["name"], message, remedy, place)
    elif set(found) - set(wanted):
        message = f"its primary key is {', '.join(found)}, but {should}: doubled rows would be let in"
        yield _REPORT.note(node["name"], message, remedy, place)


def _list_primary_key(node: Mapping[str, Any]) -> list[str]:
    for constraint in node.get("constraints") or []:
        if constraint["type"] == "primary_key":
            return list(constraint.get("columns") or [])
    return [
        name
        for name, column in node["columns"].items()
        if any(one["type"] == "primary_key" for one in column.get("constraints") or [])
    ]


def _check_model(model: ModelSettings, catalog: Catalog, file: Path) -> Iterator[Finding]:
    try:
        spec = resolve_model(model, catalog)
    except SettingsError as error:
        text = re.sub(rf"^\S*{re.escape(file.name)}:? ", "", str(error))
        key = re.match(r"(?:its )?(label|task|features(?:\.\w+)*|gates(?:\.\w+)*)", text)
        yield _REPORT.fault(model.name, text, "", find_key(file, key[1] if key else ""))
        return
    yield from _check_training(model, spec, file)
    yield from _check_approval(model, file)
    used = f"{len(spec.features)} feature(s) of {list_some(group.name for group in spec.groups)}"
    yield _REPORT.fine(model.name, f"{model.task} of {model.label} from {used}")


def _check_training(model: ModelSettings, spec: ModelSpec, file: Path) -> Iterator[Finding]:
    """Whether neighbouring training cutoffs look at the same days, and whether there are dates that often."""
    if model.training.split == "entity":
        return
    spacing, place = (
        model.training.training_cutoff_spacing_days,
        find_key(file, "training.training_cutoff_spacing_days"),
    )
    if model.training.training_cutoffs > 1 and spec.horizon_days > spacing:
        message = (
            f"its label looks {spec.horizon_days} days ahead and training cutoffs are {spacing} days apart: the "
            "windows of neighbouring cutoffs overlap, so that their rows say partly the same"
        )
        remedy = f"Set training_cutoff_spacing_days to {find_spacing(spec.horizon_days)}, unless you mean it"
        yield _REPORT.note(model.name, message, remedy, place)
    cadence = spec.groups[0].cadence_days
    if cadence > spacing:
        message = (
            f"training cutoffs are {spacing} days apart, and {spec.groups[0].name} has a date every {cadence} days"
        )
        yield _REPORT.note(model.name, message, f"Set training_cutoff_spacing_days to {cadence} or more", place)


def _check_approval(model: ModelSettings, file: Path) -> Iterator[Finding]:
    governance = model.governance
    if not governance.is_approval_required:
        message = "nobody has to approve its versions (governance.is_approval_required is false)"
        yield _REPORT.note(model.name, message, "", find_key(file, "governance.is_approval_required"))
    else:
        others = [name for name in governance.all_approvers if name != model.trainer]
        yield _REPORT.fine(model.name, f"may be approved by {list_some(others)}; {model.trainer} trains it")
