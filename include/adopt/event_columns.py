"""What can be made of the columns of a daily source: keys of an entity, numbers to add up, values to count."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from include.adopt.sql_names import RESERVED
from include.adopt.staged_columns import StagedColumn, find_column, stage_columns
from include.errors import SettingsError
from include.features.columns import KEY_NAMES_TAKEN
from include.settings.source_base import SourceBase
from include.settings.source_columns import NUMBERS

_KEY_TYPES: Final = {"int64": "bigint", "string": "text", "date": "date"}
# Columns that what is written has beside the keys.
_OWN_NAMES: Final = frozenset({
    "day", "batch_day", "days_ago", "previous_day", "is_weekend", "gap_days", "event_count", "attribute", "value",
    "value_count", "total", "line_count", "is_delivered", "is_pending", "inputs_version",
})  # fmt: skip
_LOOKS_LIKE_NAME: Final = re.compile(r"(.+_)?(id|no|nr|num|number|key|code|uuid|sku|ean|zip|postcode)")


@dataclass(frozen=True)
class KeyColumn:
    """A key of the entity."""

    name: str
    sql_type: str
    description: str
    is_certain: bool

    @property
    def stem(self) -> str:
        """What it names: ``site`` for ``site_id``, ``user`` for ``user_value``, which is called so as a word of SQL."""
        if (word := self.name.removesuffix("_value")) in RESERVED:
            return word
        return re.sub(r"_(id|no|nr|key|code|number)$", "", self.name)

    def sample(self, number: int) -> str:
        """One of several values for a test, as YAML."""
        return {"bigint": str(number), "text": "abcdefg"[number - 1], "date": f"2020-01-{number:02}"}[self.sql_type]


@dataclass(frozen=True)
class VariedColumn:
    """A column whose values are counted; of a category the most frequent one is a feature, too."""

    name: str
    is_category: bool


@dataclass(frozen=True)
class EventColumns:
    """The columns of a source by what is made of them; ``questions`` are sentences for a person to confirm."""

    staged: tuple[StagedColumn, ...]
    keys: tuple[KeyColumn, ...]
    numbers: tuple[StagedColumn, ...]
    varied: tuple[VariedColumn, ...]
    questions: tuple[str, ...]


def choose_columns(
    name: str, source: SourceBase, entity: Sequence[str], summed: str | None, listed: Sequence[str] | None = None
) -> EventColumns:
    """Sort the columns of a source.

    Args:
        entity: the key columns, as delivered or as published.
        summed: the column that a label adds up.
        listed: the columns of the staging model, where there is one; others cannot be used.

    Raises:
        SettingsError: a column is unknown, cannot be a key, or is no number, or the staging model lacks it.
    """
    staged = stage_columns(source)
    key_columns = _find_keys(name, source, staged, entity)
    label_column = _find_summed(name, staged, key_columns, summed)
    kept, questions = staged, list[str]()
    if listed is not None:
        used = [*key_columns, *(one for one in (label_column,) if one)]
        _check_listed(name, ["day", "batch_day", *(one.name for one in used)], listed)
        kept, questions = _keep_listed(name, source, staged, listed)
    others = [one for one in kept if one not in key_columns and one.origin != source.event_column]
    names = [one for one in others if one is not label_column and _is_name(one, source)]
    numbers = tuple(one for one in others if one.settings.type in NUMBERS and one not in names)
    keys = tuple(_describe_key(column, source) for column in key_columns)
    return EventColumns(
        kept, keys, numbers, _list_varied(source, others, names, key_columns), (*questions, *_ask(names, keys))
    )


def _keep_listed(
    name: str, source: SourceBase, staged: Sequence[StagedColumn], listed: Sequence[str]
) -> tuple[tuple[StagedColumn, ...], list[str]]:
    """The columns that a staging model has, and what is to be said of the others."""
    lacking = [one.name for one in staged if one.name not in listed and one.origin != source.event_column]
    questions = [f"stg_{name} has no column {one} in its yml; nothing is made of it." for one in lacking]
    return tuple(one for one in staged if one.name in listed), questions


def _list_varied(
    source: SourceBase, others: Sequence[StagedColumn], names: Sequence[StagedColumn], keys: Sequence[StagedColumn]
) -> tuple[VariedColumn, ...]:
    """Texts and what names something; not what has another value in each row."""
    row_name = {*source.key} - {one.origin for one in keys} - {source.event_column}
    return tuple(
        VariedColumn(one.name, bool(one.settings.allowed))
        for one in others
        if (one in names or one.settings.type == "string") and row_name != {one.origin}
    )


def _ask(names: Sequence[StagedColumn], keys: Sequence[KeyColumn]) -> list[str]:
    return [
        *(f"{one.name} looks like a name and not like an amount; it is not added up." for one in names),
        *(
            f"{key.name} is not critical in sources.yml: a row without it would be published, and is left out of "
            "features."
            for key in keys
            if not key.is_certain
        ),
    ]


def choose_keys(
    name: str, source: SourceBase, staged: Sequence[StagedColumn], entity: Sequence[str]
) -> tuple[KeyColumn, ...]:
    """The keys of an entity.

    Args:
        entity: the key columns, as delivered or as published.

    Raises:
        SettingsError: a column is unknown, or cannot be a key.
    """
    return tuple(_describe_key(column, source) for column in _find_keys(name, source, staged, entity))


def _find_keys(
    name: str, source: SourceBase, staged: Sequence[StagedColumn], entity: Sequence[str]
) -> list[StagedColumn]:
    found: list[StagedColumn] = []
    for text in entity:
        column = find_column(name, staged, text, "ENTITY")
        if column in found:
            raise SettingsError(f"ENTITY names {text!r} twice. Name each key column once.")
        _check_key(name, source, column)
        found.append(column)
    if not found:
        raise SettingsError("ENTITY names no column; give the key columns of the entity: ENTITY=one or ENTITY=one,two.")
    return found


def _check_key(name: str, source: SourceBase, column: StagedColumn) -> None:
    where, settings = f"Column {column.origin!r} of the source {name!r}", column.settings
    if column.origin == source.event_column:
        raise SettingsError(f"{where} says when a row happened and cannot be a key; name the columns of the entity.")
    if settings.type not in _KEY_TYPES or settings.sql_type != _KEY_TYPES[settings.type]:
        raise SettingsError(
            f"{where} is a {settings.type} published as {settings.sql_type}; a key is an int64 published as bigint, a "
            "string or a date. Name another column in ENTITY, or change its publish_type in sources.yml."
        )
    if settings.nullable:
        raise SettingsError(
            f"{where} is nullable in sources.yml, so that a row may belong to nothing; take `nullable` away where it "
            "is always filled, or name another column in ENTITY."
        )
    if column.name in KEY_NAMES_TAKEN | _OWN_NAMES:
        raise SettingsError(
            f"{where} would be the key {column.name!r}, which is a column of features, training sets or predictions "
            "already. Give it another publish_as in sources.yml or, before it is declared, another name in the files."
        )


def _find_summed(
    name: str, staged: Sequence[StagedColumn], keys: Sequence[StagedColumn], summed: str | None
) -> StagedColumn | None:
    if summed is None:
        return None
    column = find_column(name, staged, summed, "LABEL")
    if column.settings.type not in NUMBERS or column in keys:
        what = "a key of the entity" if column in keys else f"a {column.settings.type}"
        numbers = ", ".join(one.name for one in staged if one.settings.type in NUMBERS and one not in keys)
        raise SettingsError(
            f"LABEL names {summed!r} of the source {name!r}, which is {what}; sums, and counts of what is known, are "
            f"of numbers. Numbers are: {numbers or 'none'}."
        )
    return column


def _check_listed(name: str, needed: Sequence[str], listed: Sequence[str]) -> None:
    for column in needed:
        if column not in listed:
            raise SettingsError(
                f"The staging model stg_{name} is there already, and its yml lists no column {column!r}, which is "
                "needed. Add it to the model and to its yml."
            )


def _is_name(column: StagedColumn, source: SourceBase) -> bool:
    """Whether a whole number names something."""
    related = {name for relation in source.relations for name in relation.columns}
    is_told = column.origin in {*source.key, *related} or _LOOKS_LIKE_NAME.fullmatch(column.name)
    return column.settings.type == "int64" and bool(is_told)


def _describe_key(column: StagedColumn, source: SourceBase) -> KeyColumn:
    settings = column.settings
    text = settings.description or f"{column.name.removesuffix('_id').replace('_', ' ').capitalize()}."
    return KeyColumn(column.name, settings.sql_type, text, settings.critical or column.origin in source.key)
