"""The features that are the columns of a table without events: numbers, and texts of few values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from include.adopt.keys import is_id_name
from include.adopt.staged_columns import StagedColumn
from include.settings.source_columns import NUMBERS

_NUMBER = "double precision"


@dataclass(frozen=True)
class TableFeature:
    """A column as a feature."""

    name: str
    sql: str
    data_type: str
    description: str

    @property
    def aliased(self) -> str:
        """Its SQL under its name."""
        return self.sql if self.sql.endswith(f".{self.name}") else f"{self.sql} as {self.name}"


def list_table_features(
    table: str, columns: Sequence[StagedColumn], *, as_of: str | None, prefix: str = ""
) -> tuple[tuple[TableFeature, ...], tuple[str, ...]]:
    """The features of a table, and sentences for a person to confirm.

    Args:
        table: as SQL names it where its columns are selected.
        columns: of the staging view, without keys and label.
        as_of: the as-of date in that SQL, from which the days to a time are counted; None makes nothing of times.
        prefix: before the names of features.
    """
    features, questions = list[TableFeature](), list[str]()
    for column in columns:
        kind, name, origin = column.settings.type, prefix + column.name, f"{table}.{column.name}"
        if kind == "int64" and is_id_name(column.name):
            questions.append(f"{name} looks like a name and not like an amount; nothing is made of it.")
        elif kind in NUMBERS:
            features.append(TableFeature(name, f"{origin}::{_NUMBER}", _NUMBER, column.description))
        elif kind == "string" and column.settings.allowed:
            features.append(TableFeature(name, origin, "text", column.description))
        elif kind in ("date", "timestamp") and as_of is not None:
            days = f"({as_of} - {origin}{'' if kind == 'date' else '::date'})::{_NUMBER}"
            text = f"Days from {name} to the as-of date."
            features.append(TableFeature(f"{name}_days_ago", days, _NUMBER, text))
            questions.append(f"{name} must be known before what is predicted is; else take {name}_days_ago out.")
        elif kind in ("date", "timestamp"):
            questions.append(f"{name} is a time, which may tell of what came later; nothing is made of it.")
        else:
            questions.append(f"{name} is text of many values; nothing is made of it.")
    return tuple(features), tuple(questions)
