"""A model of a flat table: no events, no time; one of its columns is the label, the others are features."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from include.adopt.event_columns import KeyColumn, choose_keys
from include.adopt.keys import is_id_name
from include.adopt.label_values import LabelValues
from include.adopt.model_plan import ModelRequest, name_entity
from include.adopt.sql_names import check_column_names, check_model_names
from include.adopt.staged_columns import StagedColumn, find_column, stage_columns
from include.errors import SettingsError
from include.settings.models import TaskName
from include.settings.source_base import SourceBase
from include.settings.source_columns import NUMBERS

_MAX_CLASSES = 20


@dataclass(frozen=True)
class FlatFeature:
    """A column as a feature."""

    name: str
    sql: str
    data_type: str
    description: str

    @property
    def aliased(self) -> str:
        """Its SQL under its name."""
        return self.sql if self.sql.endswith(f".{self.name}") else f"{self.sql} as {self.name}"


@dataclass(frozen=True)
class FlatLabel:
    """The label's column, and how it is made of the delivered one.

    Attributes:
        example: a delivered value, as YAML.
    """

    column: str
    task: TaskName
    sql: str
    data_type: str
    text: str
    example: str
    question: str | None = None

    @property
    def alias(self) -> str:
        """What follows the SQL where that is not the column itself."""
        return "" if self.sql == self.column else f" as {self.column}"


@dataclass(frozen=True)
class FlatPlan:
    """The names of the dbt models of a flat model, and what they are made of."""

    request: ModelRequest
    group: str
    keys: tuple[KeyColumn, ...]
    staged: tuple[StagedColumn, ...]
    features: tuple[FlatFeature, ...]
    label: FlatLabel
    questions: tuple[str, ...]

    @property
    def source(self) -> str:
        """The source of the table."""
        return self.request.events

    @property
    def entity(self) -> str:
        """The entity's name in meta."""
        return name_entity(self.keys)

    @property
    def key_names(self) -> tuple[str, ...]:
        """The keys' names."""
        return tuple(key.name for key in self.keys)

    @property
    def grain(self) -> str:
        """The entity in words, at the end of a description."""
        return ", ".join(key.stem.replace("_", " ") for key in self.keys)

    @property
    def models(self) -> dict[str, str]:
        """The dbt models besides staging, by what they are."""
        return {"group": self.group, "latest": f"{self.group}_latest", "labels": f"{self.request.name}_labels"}

    def sample(self, number: int, separator: str = ", ") -> str:
        """The keys of one of several entities for a test, as YAML."""
        return separator.join(f"{key.name}: {key.sample(number)}" for key in self.keys)

    @property
    def description(self) -> str:
        """What the model predicts, as a sentence."""
        return f"{self.label.column.replace('_', ' ').capitalize()} of each {self.grain.replace(', ', ' and ')}."

    def match(self, left: str, right: str, indent: int = 12) -> str:
        """The condition of a join by as-of date and keys."""
        columns = ("as_of_date", *self.key_names)
        return f"\n{' ' * indent}and ".join(f"{left}.{name} = {right}.{name}" for name in columns)


def plan_flat(request: ModelRequest, source: SourceBase, read: Callable[[str], LabelValues]) -> FlatPlan:
    """Decide what is written.

    Args:
        source: a snapshot.
        read: the values of a column, by its name as delivered.

    Raises:
        SettingsError: the entity is not the table's key, the label is no column of it, or cannot be learned.
    """
    name = request.events
    staged = stage_columns(name, source)
    keys = choose_keys(name, source, staged, request.entity)
    if {key.name for key in keys} != {one.name for one in staged if one.origin in source.key}:
        raise SettingsError(
            f"A row of the source {name!r} is named by {', '.join(source.key)} (key in sources.yml), and ENTITY says "
            f"{', '.join(request.entity)}. Without events the entity is what a row is: ENTITY={','.join(source.key)}."
        )
    label_column = _find_label(request, staged, keys)
    label = _plan_label(label_column, read(label_column.origin))
    features, questions = _list_features(name, staged, keys, label_column)
    if not features:
        raise SettingsError(
            f"The source {name!r} has no column besides its key and {label_column.name!r} to learn from."
        )
    group = request.group or f"{name_entity(keys)}_features"
    plan = FlatPlan(
        request, group, keys, staged, features, label, (*questions, *([label.question] if label.question else []))
    )
    check_model_names([request.name, group, plan.entity, f"stg_{name}", *plan.models.values()])
    check_column_names([*plan.key_names, "as_of_date", *(feature.name for feature in features)])
    check_column_names([*plan.key_names, "as_of_date", label.column])
    return plan


def _find_label(request: ModelRequest, staged: Sequence[StagedColumn], keys: Sequence[KeyColumn]) -> StagedColumn:
    where = "LABEL, of a source without events the column that is predicted,"
    found = find_column(request.events, staged, request.label.strip(), where)
    if found.name in {key.name for key in keys}:
        raise SettingsError(f"LABEL names {found.name!r}, which is a key of the entity. Name another column.")
    return found


def _plan_label(column: StagedColumn, values: LabelValues) -> FlatLabel:
    text = column.description
    if len(values.distinct) < 2:
        raise SettingsError(
            f"The label {column.name!r} is {', '.join(map(str, values.distinct)) or 'unknown'} in every row that was "
            "read: there is nothing to learn. Name another column as LABEL, or deliver rows of every class."
        )
    kind = column.settings.type
    if kind == "int64" and set(values.distinct) <= {0, 1}:
        return FlatLabel(column.name, "binary", f"{column.name} = 1", "boolean", text, "1")
    if kind == "string" and len(values.distinct) == 2:
        positive = values.find_positive()
        question = (
            f"{column.name} is true where it is {positive!r}, and false where it is {values.find_other(positive)!r}."
        )
        quoted = positive.replace("'", "''")
        return FlatLabel(
            column.name, "binary", f"{column.name} = '{quoted}'", "boolean", text, json.dumps(positive), question
        )
    if kind == "string" and len(values.distinct) <= _MAX_CLASSES:
        return FlatLabel(column.name, "multiclass", column.name, "text", text, json.dumps(values.distinct[0]))
    if kind in NUMBERS:
        question = f"{column.name} is a number to forecast; with classes, deliver them as text."
        return FlatLabel(
            column.name, "regression", f"{column.name}::double precision", "double precision", text, "1", question
        )
    raise SettingsError(
        f"The label {column.name!r} is a {kind} with {len(values.distinct)} values or more; a label is 0 and 1, a "
        f"number, or text of 2 to {_MAX_CLASSES} classes."
    )


def _list_features(
    source: str, staged: Sequence[StagedColumn], keys: Sequence[KeyColumn], label: StagedColumn
) -> tuple[tuple[FlatFeature, ...], tuple[str, ...]]:
    features, questions = [], []
    for column in staged:
        kind, name = column.settings.type, column.name
        if column is label or name in {key.name for key in keys}:
            continue
        if kind == "int64" and is_id_name(name):
            questions.append(f"{name} looks like a name and not like an amount; nothing is made of it.")
            continue
        if kind in ("date", "timestamp"):
            questions.append(f"{name} must be known before {label.name} is; else take {name}_days_ago out.")
        origin = f"{source}.{name}"
        feature = FlatFeature(name, f"{origin}::double precision", "double precision", column.description)
        if kind in NUMBERS:
            features.append(feature)
        elif kind == "string" and column.settings.allowed:
            features.append(replace(feature, sql=origin, data_type="text"))
        elif kind in ("date", "timestamp"):
            days = f"snapshots.as_of_date - {origin}" + ("" if kind == "date" else "::date")
            text = f"Days from {name} to the as-of date."
            features.append(FlatFeature(f"{name}_days_ago", f"({days})::double precision", "double precision", text))
        else:
            questions.append(f"{name} is text of many values; nothing is made of it.")
    return tuple(features), tuple(questions)
