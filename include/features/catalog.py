"""What the dbt project declares of feature groups and labels, read out of its manifest.

The analyst's YAML is the single source: an entity with its keys, the event time, owner and sets of a group,
kind and horizon of a label stand in ``config.meta`` of the dbt models (``docs/guides/analyst.md``).
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError

from include.errors import SettingsError
from include.features.columns import (
    check_event_time,
    check_feature_name,
    check_key_names,
    check_label,
    read_type,
    require_column,
)
from include.features.manifest import find_manifest, read_manifest
from include.settings.section import Section, describe_problem
from include.settings.task_name import TaskName
from include.warehouse.names import TableName

KeyType = Literal["integer", "text", "uuid", "date"]
FeatureKind = Literal["numeric", "boolean", "categorical"]

_KEY_TYPES: Final[Mapping[str, KeyType]] = {
    "bigint": "integer", "integer": "integer", "int": "integer", "int4": "integer", "int8": "integer",
    "smallint": "integer", "text": "text", "varchar": "text", "character varying": "text", "uuid": "uuid",
    "date": "date",
}  # fmt: skip
_FEATURE_KINDS: Final[Mapping[str, FeatureKind]] = {
    **dict.fromkeys(
        ("bigint", "integer", "int", "int4", "int8", "smallint", "real", "float4", "float8", "double precision",
         "numeric", "decimal"),
        "numeric",
    ),
    **dict.fromkeys(("boolean", "bool"), "boolean"),
    **dict.fromkeys(("text", "varchar", "character varying"), "categorical"),
}  # fmt: skip
SQL_TYPES: Final[Mapping[KeyType, str]] = {"integer": "bigint", "text": "text", "uuid": "uuid", "date": "date"}
"""The type of a key's column in the tables that are made from a declaration."""

ONLINE_SCHEMA: Final = "online"
"""Where the tables are that the model server reads; each is called as what the group's online model makes."""

_Name = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,62}$")]


class GroupMeta(Section):
    """``config.meta.feature_group`` of a dbt model."""

    entity: _Name
    keys: Annotated[tuple[_Name, ...], Field(min_length=1)]
    event_time: _Name
    owner: Annotated[str, Field(min_length=1)]
    online: _Name | None = None
    cadence_days: Annotated[int, Field(ge=1)] = 1
    version: Annotated[int, Field(ge=1)] = 1
    tags: tuple[_Name, ...] = ()
    history: bool = False


class LabelMeta(Section):
    """``config.meta.label`` of a dbt model."""

    entity: _Name
    keys: Annotated[tuple[_Name, ...], Field(min_length=1)]
    event_time: _Name
    owner: Annotated[str, Field(min_length=1)]
    columns: Annotated[dict[_Name, TaskName], Field(min_length=1)]
    horizon_days: Annotated[int, Field(ge=0)]


class ColumnMeta(Section):
    """``config.meta`` of a column of a feature group."""

    feature: bool = True
    sets: tuple[_Name, ...] = ()
    tags: tuple[_Name, ...] = ()
    max_null_share: Annotated[float, Field(ge=0, le=1)] | None = None
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True)
class Key:
    """One key column of an entity."""

    name: str
    type: KeyType


@dataclass(frozen=True)
class Entity:
    """What a model speaks of: a name, and one or several typed key columns, in order."""

    name: str
    keys: tuple[Key, ...]

    @property
    def key_names(self) -> tuple[str, ...]:
        """The names of the key columns."""
        return tuple(key.name for key in self.keys)


@dataclass(frozen=True)
class Feature:
    """One feature: its column, how a model takes it, and the group that it is of."""

    name: str
    kind: FeatureKind
    group: str


@dataclass(frozen=True)
class FeatureDetail:
    """What the yml says of a feature for people, and within which limits its values are valid.

    Attributes:
        max_null_share: the largest share of missing values; learned from history where it is None.
        minimum, maximum: of a numeric or boolean feature (0 and 1).
    """

    description: str = ""
    tags: tuple[str, ...] = ()
    max_null_share: float | None = None
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True)
class GroupTable:
    """Where the rows of a feature group are: all of them by event time, and the newest of each entity."""

    name: str
    table: TableName
    online: TableName | None
    event_time: str
    cadence_days: int


@dataclass(frozen=True)
class FeatureGroup:
    """A dbt model of features by entity and event time.

    Attributes:
        online: the table of the newest row of each entity.
        online_source: what the dbt model ``online_model`` makes; where it is another than ``online``, publishing the
            group copies what has changed.
        sets: the feature sets of each feature.
        keeps_history: whether each published row is kept, to be read as known on a day.
        details: what else the yml says of each feature.
        attributes: columns that are no features (``meta: {feature: false}``), by which gates may group entities.
    """

    name: str
    description: str
    owner: str
    version: int
    entity: Entity
    event_time: str
    table: TableName
    online: TableName | None
    cadence_days: int
    features: tuple[Feature, ...]
    sets: Mapping[str, tuple[str, ...]]
    online_model: str | None = None
    online_source: TableName | None = None
    tags: tuple[str, ...] = ()
    keeps_history: bool = False
    details: Mapping[str, FeatureDetail] = field(default_factory=dict)
    attributes: tuple[Feature, ...] = ()

    @property
    def location(self) -> GroupTable:
        """Where its rows are."""
        return GroupTable(self.name, self.table, self.online, self.event_time, self.cadence_days)

    def select(self, sets: tuple[str, ...]) -> tuple[Feature, ...]:
        """The features of any of the sets; all of them when none is named."""
        return tuple(item for item in self.features if not sets or set(sets) & set(self.sets[item.name]))


@dataclass(frozen=True)
class LabelTable:
    """A dbt model of labels by entity and event time; a label is known ``horizon_days`` after its event time."""

    name: str
    description: str
    owner: str
    entity: Entity
    event_time: str
    table: TableName
    horizon_days: int
    columns: Mapping[str, TaskName]


@dataclass(frozen=True)
class Catalog:
    """All feature groups and label tables of the dbt project, by the name of their dbt model.

    Attributes:
        errors: what is wrong with the declarations of the dbt models that are in neither.
    """

    groups: Mapping[str, FeatureGroup]
    labels: Mapping[str, LabelTable]
    errors: Mapping[str, str] = field(default_factory=dict)

    def check(self) -> None:
        """Refuse a catalog with a wrong declaration; for what builds all groups and labels.

        Raises:
            SettingsError: names each dbt model, the key and the nearest known key.
        """
        if self.errors:
            raise SettingsError("\n".join(self.errors.values()))


def load_catalog() -> Catalog:
    """The catalog of the last good manifest, read once for each content.

    A wrong declaration stands in ``errors``, and stops what uses it and nothing else.

    Raises:
        ManifestMissingError: there is no manifest yet.
        SettingsError: dbt cannot parse the project, and there is no earlier manifest.
    """
    path = find_manifest()
    stat = path.stat()
    return _load(str(path), stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=2)
def _load(_path: str, _mtime_ns: int, _size: int) -> Catalog:
    return read_catalog(read_manifest())


def read_catalog(manifest: Mapping[str, Any]) -> Catalog:
    """Read the declarations out of a manifest (see :func:`load_catalog`)."""
    nodes = {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "model"}
    groups: dict[str, FeatureGroup] = {}
    labels: dict[str, LabelTable] = {}
    errors: dict[str, str] = {}
    for name, node in sorted(nodes.items()):
        try:
            group, label = _read_node(node, nodes)
        except SettingsError as error:
            errors[name] = str(error)
            continue
        if group:
            groups[name] = group
        if label:
            labels[name] = label
    return Catalog(groups, labels, errors)


def _read_node(node: Mapping[str, Any], nodes: Mapping[str, Any]) -> tuple[FeatureGroup | None, LabelTable | None]:
    name, meta, group, label = node["name"], dict(node["config"].get("meta") or {}), None, None
    _check_names(meta, name)
    if "feature_group" in meta:
        group = _read_group(node, _check(GroupMeta, meta["feature_group"], name, "feature_group"), nodes)
    if "label" in meta:
        label = _read_label(node, _check(LabelMeta, meta["label"], name, "label"))
    return group, label


def _check_names(meta: Mapping[str, Any], name: str) -> None:
    """Name a misspelt ``feature_group`` or ``label``; other keys of meta are the analyst's own.

    Misspelt is what is spelt nearly so and declares an entity, keys or an event time; ``labels: [pii]`` is not.
    """
    for key, content in meta.items():
        near = difflib.get_close_matches(key, ("feature_group", "label"), n=1, cutoff=0.75)
        if near and key != near[0] and isinstance(content, Mapping) and {"entity", "keys", "event_time"} & set(content):
            raise SettingsError(f"dbt model {name!r}: unknown key 'meta.{key}'; did you mean 'meta.{near[0]}'?")


def _check(meta_type: type[Any], content: Any, name: str, key: str) -> Any:
    try:
        return meta_type.model_validate(content)
    except ValidationError as error:
        problems = "\n".join(f"  - {describe_problem(item, meta_type)}" for item in error.errors())
        raise SettingsError(
            f"dbt model {name!r}, meta.{key} does not fit:\n{problems}\nCorrect it in the model's yml."
        ) from error


def _read_group(node: Mapping[str, Any], meta: GroupMeta, nodes: Mapping[str, Any]) -> FeatureGroup:
    name = node["name"]
    entity = _read_entity(node, meta.entity, meta.keys, meta.event_time)
    features, attributes, sets, details = [], [], {}, {}
    for column, description in node["columns"].items():
        column_meta = _read_column_meta(name, column, description)
        if column in (*meta.keys, meta.event_time):
            continue
        if not column_meta.feature:
            attributes += _read_attribute(name, column, description)
            continue
        check_feature_name(node, column)
        features.append(Feature(column, _find_kind(name, column, description), name))
        sets[column] = column_meta.sets
        details[column] = _read_detail(name, features[-1], description, column_meta)
    if not features:
        raise SettingsError(f"dbt model {name!r} is a feature group without features: list its columns in its yml.")
    source = _find_online(meta.online, name, nodes)
    return FeatureGroup(
        name=name,
        description=node["description"],
        owner=meta.owner,
        version=meta.version,
        entity=entity,
        event_time=meta.event_time,
        table=_name_table(node),
        online=TableName(ONLINE_SCHEMA, source.name) if source else None,
        online_model=meta.online,
        online_source=source,
        cadence_days=meta.cadence_days,
        features=tuple(features),
        sets=sets,
        tags=meta.tags,
        keeps_history=meta.history,
        details=details,
        attributes=tuple(attributes),
    )


def _read_attribute(name: str, column: str, description: Mapping[str, Any]) -> list[Feature]:
    """A column that is no feature, if it is of a type by which rows can be grouped."""
    kind = _FEATURE_KINDS.get(read_type(description))
    return [Feature(column, kind, name)] if kind else []


def _read_detail(name: str, feature: Feature, description: Mapping[str, Any], meta: ColumnMeta) -> FeatureDetail:
    has_limits = meta.minimum is not None or meta.maximum is not None
    if has_limits and feature.kind == "categorical":
        raise SettingsError(
            f"dbt model {name!r}: minimum and maximum are for numbers, and {feature.name!r} is text. Remove them; "
            "`accepted_values` is dbt's test of the values of a text."
        )
    if meta.minimum is not None and meta.maximum is not None and meta.minimum > meta.maximum:
        raise SettingsError(f"dbt model {name!r}: the minimum of {feature.name!r} is above its maximum. Exchange them.")
    text = str(description.get("description") or "")
    return FeatureDetail(text, meta.tags, meta.max_null_share, meta.minimum, meta.maximum)


def _read_label(node: Mapping[str, Any], meta: LabelMeta) -> LabelTable:
    for column, kind in meta.columns.items():
        check_label(node, column, kind, meta.keys, meta.event_time)
    entity = _read_entity(node, meta.entity, meta.keys, meta.event_time)
    return LabelTable(
        node["name"], node["description"], meta.owner, entity, meta.event_time, _name_table(node),
        meta.horizon_days, dict(meta.columns),
    )  # fmt: skip


def _read_entity(node: Mapping[str, Any], entity: str, keys: tuple[str, ...], event_time: str) -> Entity:
    check_event_time(node, event_time)
    check_key_names(node, keys, event_time)
    found = []
    for key in keys:
        data_type = read_type(require_column(node, key, "keys"))
        if data_type not in _KEY_TYPES:
            raise SettingsError(
                f"dbt model {node['name']!r}: key {key!r} is of type {data_type or 'unknown'!r}; a key is an integer, "
                "text, uuid or date. Give its data_type in the model's yml."
            )
        found.append(Key(key, _KEY_TYPES[data_type]))
    return Entity(entity, tuple(found))


def _read_column_meta(name: str, column: str, description: Mapping[str, Any]) -> ColumnMeta:
    meta = (description.get("config") or {}).get("meta") or description.get("meta") or {}
    checked: ColumnMeta = _check(ColumnMeta, meta, f"{name}.{column}", "…")
    return checked


def _find_kind(name: str, column: str, description: Mapping[str, Any]) -> FeatureKind:
    data_type = read_type(description)
    if data_type not in _FEATURE_KINDS:
        raise SettingsError(
            f"dbt model {name!r}: feature {column!r} is of type {data_type or 'unknown'!r}; a feature is a number, a "
            "boolean or text. Cast it, or say `meta: {feature: false}` in the model's yml."
        )
    return _FEATURE_KINDS[data_type]


def _name_table(node: Mapping[str, Any]) -> TableName:
    return TableName(node["schema"], node["alias"])


def _find_online(online: str | None, name: str, nodes: Mapping[str, Any]) -> TableName | None:
    if online is None:
        return None
    if online not in nodes:
        near = difflib.get_close_matches(online, nodes, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise SettingsError(f"dbt model {name!r}: online names {online!r}, which is no dbt model.{hint}")
    return _name_table(nodes[online])
