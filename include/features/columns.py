"""Which columns of a dbt model can be the event time, keys, features and labels of the tables of a model."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from include.errors import SettingsError
from include.settings.task_name import TaskName

FEATURE_NAMES_TAKEN: Final = frozenset({"as_of_date", "split", "label", "is_found"})
"""Columns that a training set has beside keys and features."""
KEY_NAMES_TAKEN: Final = FEATURE_NAMES_TAKEN | {
    "model_version", "prediction", "decision", "scores", "scored_at", "reasons", "outcome",
    "known_at",
}  # fmt: skip
"""Columns that training sets, predictions and outcomes have beside the keys."""
LATEST_COLUMNS: Final[Mapping[str, str]] = {
    "prediction": "The probability that the answer is true (with several classes: of the answered class), or the "
    "number.",
    "decision": "The answer as text: true, false or a class; null where the prediction is a number.",
    "reasons": "What moved the prediction, the farthest first: a list of feature, value (null: missing) and "
    "contribution (in the unit of the prediction, with its sign).",
    "model_version": "The version that answered.",
    "scored_at": "When it did.",
}
"""Columns of a model's newest scores beside as-of date and keys, and what they mean."""

_INTEGERS: Final = ("bigint", "integer", "int", "int4", "int8", "smallint")
_TEXTS: Final = ("text", "varchar", "character varying")
_BOOLEANS: Final = ("boolean", "bool")
_LABEL_TYPES: Final[Mapping[TaskName, tuple[str, tuple[str, ...]]]] = {
    "binary": ("a boolean or an integer of 0 and 1", (*_BOOLEANS, *_INTEGERS)),
    "multiclass": ("text, an integer or a boolean", (*_TEXTS, *_INTEGERS, *_BOOLEANS)),
    "regression": ("a number", (*_INTEGERS, "real", "float4", "float8", "double precision", "numeric", "decimal")),
}


def require_column(node: Mapping[str, Any], column: str, key: str) -> Mapping[str, Any]:
    """What a dbt model's yml says of a column; names the nearest one where there is none.

    Args:
        key: the key of meta that names the column.
    """
    columns: Mapping[str, Mapping[str, Any]] = node["columns"]
    if column in columns:
        return columns[column]
    near = difflib.get_close_matches(column, columns, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise _refuse(node, f"{key} names {column!r}, which its yml does not list.{hint}")


def read_type(description: Mapping[str, Any]) -> str:
    """The type of a column, without its length; empty where the yml gives none."""
    return str(description.get("data_type") or "").lower().partition("(")[0].strip()


def check_event_time(node: Mapping[str, Any], event_time: str) -> None:
    """Refuse an event time that is no date: partitions and joins are by day."""
    data_type = read_type(require_column(node, event_time, "event_time"))
    if data_type != "date":
        raise _refuse(
            node,
            f"the event time {event_time!r} is of type {data_type or 'unknown'!r}; it is a date. Cast it in the "
            "model, and give its data_type in the model's yml.",
        )


def check_key_names(node: Mapping[str, Any], keys: Sequence[str], event_time: str) -> None:
    """Refuse a key that is named twice, is the event time, or is called as a column of a model's own tables."""
    for key in keys:
        if keys.count(key) > 1:
            raise _refuse(node, f"keys names {key!r} twice. Name each key column once.")
        if key == event_time:
            raise _refuse(node, f"{key!r} is both the event time and a key. Leave it out of keys.")
        if key in KEY_NAMES_TAKEN:
            raise _refuse(
                node, f"the key {key!r} is called as a column of training sets, predictions or outcomes. Rename it."
            )


def check_feature_name(node: Mapping[str, Any], column: str) -> None:
    """Refuse a feature that is called as another column of the training set."""
    if column in FEATURE_NAMES_TAKEN:
        raise _refuse(
            node,
            f"the feature {column!r} is called as a column that training sets have themselves. Rename it, or say "
            "`meta: {feature: false}` in the model's yml.",
        )


def check_label(node: Mapping[str, Any], column: str, kind: TaskName, keys: Sequence[str], event_time: str) -> None:
    """Refuse a label that is a key or the event time, or of a type that its kind does not take."""
    data_type = read_type(require_column(node, column, "label.columns"))
    if column in (*keys, event_time):
        raise _refuse(
            node, f"the label {column!r} is also a key or the event time. Give the label a column of its own."
        )
    words, types = _LABEL_TYPES[kind]
    if data_type not in types:
        raise _refuse(
            node,
            f"the label {column!r} is {kind}, but of type {data_type or 'unknown'!r}; such a label is {words}. "
            "Cast it, or give its kind or its data_type rightly in the model's yml.",
        )


def _refuse(node: Mapping[str, Any], problem: str) -> SettingsError:
    return SettingsError(f"dbt model {node['name']!r}: {problem}")
