"""A model of a flat table: no events, no time; one of its columns is the label, the others are features."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from include.adopt.entity_keys import EntityKeys
from include.adopt.event_columns import choose_keys
from include.adopt.label_values import LabelValues
from include.adopt.model_request import ModelRequest
from include.adopt.sql_names import check_column_names, check_model_names
from include.adopt.staged_columns import StagedColumn, find_column, stage_columns
from include.adopt.table_features import TableFeature, list_table_features
from include.errors import SettingsError
from include.settings.models import TaskName
from include.settings.source_base import SourceBase
from include.settings.source_columns import NUMBERS

_MAX_CLASSES = 20


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
    entity: EntityKeys
    staged: tuple[StagedColumn, ...]
    features: tuple[TableFeature, ...]
    label: FlatLabel
    questions: tuple[str, ...]

    @property
    def source(self) -> str:
        """The source of the table."""
        return self.request.events

    @property
    def models(self) -> dict[str, str]:
        """The dbt models besides staging, by what they are."""
        return {"group": self.group, "latest": f"{self.group}_latest", "labels": f"{self.request.name}_labels"}

    @property
    def description(self) -> str:
        """What the model predicts, as a sentence."""
        return f"{self.label.column.replace('_', ' ').capitalize()} of each {self.entity.words}."


def plan_flat(request: ModelRequest, source: SourceBase, read: Callable[[str], LabelValues]) -> FlatPlan:
    """Decide what is written.

    Args:
        source: a snapshot.
        read: the values of a column, by its name as delivered.

    Raises:
        SettingsError: the entity is not the table's key, the label is no column of it, or cannot be learned.
    """
    name = request.events
    staged = stage_columns(source)
    entity = choose_row_keys(name, source, request.entity)
    label_column = _find_label(request, staged, entity)
    label = _plan_label(label_column, read(label_column.origin))
    others = [one for one in staged if one is not label_column and one.name not in entity.names]
    features, questions = list_table_features(name, others, as_of="snapshots.as_of_date")
    if not features:
        raise SettingsError(
            f"The source {name!r} has no column besides its key and {label_column.name!r} to learn from."
        )
    group = request.group or f"{entity.name}_features"
    plan = FlatPlan(
        request, group, entity, staged, features, label, (*questions, *([label.question] if label.question else []))
    )
    entity.check_name()
    check_model_names([request.name, group, f"stg_{name}", *plan.models.values()])
    check_column_names([*entity.names, "as_of_date", *(feature.name for feature in features)])
    check_column_names([*entity.names, "as_of_date", label.column])
    return plan


def choose_row_keys(name: str, source: SourceBase, entity: Sequence[str]) -> EntityKeys:
    """The keys of an entity that is a row of a table.

    Raises:
        SettingsError: a column is unknown or cannot be a key, or they are not the table's key.
    """
    staged = stage_columns(source)
    keys = EntityKeys(choose_keys(name, source, staged, entity))
    if {*keys.names} != {one.name for one in staged if one.origin in source.key}:
        times = [
            one.origin for one in staged if one.settings.type in ("date", "timestamp") and not one.settings.nullable
        ]
        hint = (
            f" If its rows are events, say which column tells when one happened: TIME={name}.{times[0]}."
            if times
            else ""
        )
        raise SettingsError(
            f"A row of the source {name!r} is named by {', '.join(source.key)} (key in sources.yml), and ENTITY says "
            f"{', '.join(entity)}. Without events the entity is what a row is: ENTITY={','.join(source.key)}.{hint}"
        )
    return keys


def _find_label(request: ModelRequest, staged: Sequence[StagedColumn], entity: EntityKeys) -> StagedColumn:
    where = "LABEL, of a source without events the column that is predicted,"
    found = find_column(request.events, staged, request.label.strip(), where)
    if found.name in entity.names:
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
