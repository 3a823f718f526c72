"""Names of tables and columns: parsed once, quoted once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from include.errors import WarehouseError

MAX_NAME_BYTES: Final = 63
"""PostgreSQL cuts longer names off (https://www.postgresql.org/docs/current/limits.html)."""
_PART = re.compile(r"[a-z_][a-z0-9_]{0,62}")


@dataclass(frozen=True, order=True)
class TableName:
    """A table of the warehouse: ``schema.name``, both lower-case identifiers."""

    schema: str
    name: str

    def __post_init__(self) -> None:
        for part in (self.schema, self.name):
            if not _PART.fullmatch(part):
                raise WarehouseError(
                    f"{self.schema}.{self.name} is no table name: use lower-case letters, digits and "
                    "underscores, at most 63 characters a part."
                )

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def quoted(self) -> str:
        """The name as it is safe to stand in SQL."""
        return f'"{self.schema}"."{self.name}"'


def name_table(model: str, kind: str) -> TableName:
    """A model's own table of a kind: ``ml.<model>_<kind>``."""
    return TableName("ml", f"{model}_{kind}")


def parse_table(name: str | TableName) -> TableName:
    """``"raw.events"`` → :class:`TableName`.

    Raises:
        WarehouseError: the text is not of the form ``schema.table``.
    """
    if isinstance(name, TableName):
        return name
    schema, separator, table = name.partition(".")
    if not separator:
        raise WarehouseError(f"{name!r} names no schema: write it as schema.table.")
    return TableName(schema, table)


def quote_column(name: str) -> str:
    """A column's name as it is safe to stand in SQL."""
    return '"' + name.replace('"', '""') + '"'


def quote_text(text: str) -> str:
    """A text as an SQL literal, for statements that take no parameters (``comment on``)."""
    return "'" + text.replace("'", "''") + "'"
