"""A model's declaration together with what the catalog says of its groups and its label."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from include.errors import SettingsError
from include.features.catalog import Catalog, Entity, Feature, FeatureGroup, LabelTable
from include.settings.gates import GateSettings
from include.settings.models import ModelSettings, TaskName
from include.warehouse.names import TableName, name_table

FoundT = TypeVar("FoundT")


@dataclass(frozen=True)
class ModelSpec:
    """What a model predicts, of which entity, from which features.

    Attributes:
        features: in the order of the groups and of their columns.
        feature_sets: those of ``features`` that each compared set holds, by its name; empty when none are compared.
        attributes: columns of the groups that are no features of the model, and by which its gates group entities.
        horizon_days: a label is known so many days after its as-of date.
    """

    name: str
    task: TaskName
    entity: Entity
    label: LabelTable
    label_column: str
    groups: tuple[FeatureGroup, ...]
    features: tuple[Feature, ...]
    feature_sets: Mapping[str, tuple[Feature, ...]] = field(default_factory=dict)
    attributes: tuple[Feature, ...] = ()

    @property
    def horizon_days(self) -> int:
        """Days from an as-of date until its label is known."""
        return self.label.horizon_days

    @property
    def feature_version(self) -> str:
        """The versions of the groups, such as ``orders=1,visits=3``."""
        return ",".join(f"{group.name}={group.version}" for group in self.groups)

    @property
    def predictions_table(self) -> TableName:
        """Where the batch scores are."""
        return name_table(self.name, "predictions")

    @property
    def outcomes_table(self) -> TableName:
        """Where the outcomes of the predictions are."""
        return name_table(self.name, "outcomes")


def resolve_model(settings: ModelSettings, catalog: Catalog) -> ModelSpec:
    """Check a declaration against the catalog.

    Raises:
        SettingsError: the label or a group does not exist or is declared wrongly, the label is of another kind
            than the task, a group is of another entity than the label or has other keys, two groups have one
            feature, a feature set is unknown, or compared and empty or the same as another, or a gate groups entities
            by a column that no group has; the message names the file and the nearest name.
    """
    file = f"include/config/models/{settings.name}.yml"
    _check_declared(file, (settings.label_table, *settings.features.groups), catalog)
    label = _find(settings.label_table, catalog.labels, f"{file}: label names the dbt model", "label table")
    if settings.label_column not in label.columns:
        near = _suggest(settings.label_column, label.columns)
        raise SettingsError(f"{file}: {label.name!r} has no label {settings.label_column!r}{near}")
    kind = label.columns[settings.label_column]
    if kind != settings.task:
        raise SettingsError(f"{file}: task is {settings.task}, but the label {settings.label} is {kind}. Change one.")
    groups = tuple(
        _find(name, catalog.groups, f"{file}: features.groups names", "feature group")
        for name in settings.features.groups
    )
    for group in groups:
        _check_entity(file, group, label)
    features = _select_features(file, groups, settings.features.sets)
    compared = _select_compared(file, groups, features, settings.features.compare)
    attributes = _select_attributes(file, groups, features, settings.gates)
    return ModelSpec(
        settings.name, settings.task, label.entity, label, settings.label_column, groups, features, compared, attributes
    )


def _check_declared(file: str, names: Iterable[str], catalog: Catalog) -> None:
    for name in names:
        if name in catalog.errors:
            raise SettingsError(f"{file} uses the dbt model {name!r}. {catalog.errors[name]}")


def _find(name: str, known: Mapping[str, FoundT], where: str, what: str) -> FoundT:
    if name not in known:
        raise SettingsError(f"{where} {name!r}, which is no {what}{_suggest(name, known)}")
    return known[name]


def _suggest(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(names) or 'none'}."


def _check_entity(file: str, group: FeatureGroup, label: LabelTable) -> None:
    if group.entity != label.entity:
        raise SettingsError(
            f"{file}: the group {group.name!r} is of the entity {_describe(group)}, the label {label.name!r} of "
            f"{_describe(label)}. A model uses groups of its label's entity, with the same keys of the same types."
        )


def _describe(table: FeatureGroup | LabelTable) -> str:
    keys = ", ".join(f"{key.name} {key.type}" for key in table.entity.keys)
    return f"{table.entity.name} ({keys})"


def _select_features(file: str, groups: Sequence[FeatureGroup], sets: tuple[str, ...]) -> tuple[Feature, ...]:
    _check_sets(f"{file}: features.sets", groups, sets)
    features = tuple(feature for group in groups for feature in group.select(sets))
    seen: dict[str, Feature] = {}
    for feature in features:
        earlier = seen.get(feature.name)
        if earlier is not None:
            raise SettingsError(
                f"{file}: the groups {earlier.group!r} and {feature.group!r} both have a feature {feature.name!r}. "
                "Rename one, or leave it out by `meta: {feature: false}`."
            )
        seen[feature.name] = feature
    return features


def _check_sets(where: str, groups: Sequence[FeatureGroup], sets: Iterable[str]) -> None:
    known = {name for group in groups for names in group.sets.values() for name in names}
    for name in sets:
        if name not in known:
            raise SettingsError(f"{where} names {name!r}, which is no feature set{_suggest(name, known)}")


def _select_compared(
    file: str, groups: Sequence[FeatureGroup], features: Sequence[Feature], compare: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[Feature, ...]]:
    """The features of each compared set, of those that the model uses at all."""
    found: dict[tuple[Feature, ...], str] = {}
    for name, sets in compare.items():
        where = f"{file}: features.compare.{name}"
        _check_sets(where, groups, sets)
        chosen = {item for group in groups for item in group.select(sets)}
        kept = tuple(item for item in features if item in chosen)
        if not kept:
            raise SettingsError(f"{where} holds no feature that features.sets lets the model use. Change one of them.")
        if kept in found:
            raise SettingsError(f"{where} holds the same features as features.compare.{found[kept]}. Remove one.")
        found[kept] = name
    return {name: kept for kept, name in found.items()}


def _select_attributes(
    file: str, groups: Sequence[FeatureGroup], features: Sequence[Feature], gates: GateSettings
) -> tuple[Feature, ...]:
    """The columns by which gates group entities, other than the model's features."""
    known = {item.name: item for group in reversed(groups) for item in (*group.features, *group.attributes)}
    declared = {"fairness.attributes": gates.fairness.attributes, "stability.segments": gates.stability.segments}
    chosen: dict[str, Feature] = {}
    for key, names in declared.items():
        for name in names or ():
            found = _find(name, known, f"{file}: gates.{key} names", "column of its feature groups")
            chosen[name] = found
    used = {item.name for item in features}
    return tuple(item for name, item in chosen.items() if name not in used)
