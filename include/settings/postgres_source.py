"""Settings of a source that is a table or a query of a PostgreSQL database."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from include.settings.file_formats import FileOptions
from include.settings.source_base import ConnectedSource
from include.warehouse.names import MAX_NAME_BYTES

_SELECT: Final = re.compile(r"\s*(select|with)\b", re.IGNORECASE)


class PostgresSource(ConnectedSource):
    """Rows of a table: those of a day by their watermark (``daily``), or all that it has now (``snapshot``)."""

    kind: Literal["postgres"]
    table: str | None = None
    query: str | None = None
    watermark: Annotated[str, Field(min_length=1)] | None = None

    @field_validator("table")
    @classmethod
    def _check_table(cls, value: str | None) -> str | None:
        parts = value.split(".") if value is not None else ["schema", "table"]
        if len(parts) != 2 or not all(0 < len(part.encode()) <= MAX_NAME_BYTES and "\0" not in part for part in parts):
            raise ValueError("a table as schema.table, as they are written in the database; query takes any other name")
        return value

    @field_validator("query")
    @classmethod
    def _check_query(cls, value: str | None) -> str | None:
        if value is not None and (not _SELECT.match(value) or ";" in value):
            raise ValueError("one query that starts with select or with and holds no semicolon")
        return value

    @model_validator(mode="after")
    def _check_what_is_read(self) -> Self:
        if (self.table is None) == (self.query is None):
            raise ValueError("either a table or a query")
        if self.grain == "daily" and self.watermark is None:
            raise ValueError("a watermark for a daily source: the column that says on which day a row is delivered")
        return self

    @property
    def file_options(self) -> FileOptions:
        """Rows are fetched into Parquet, which has their types."""
        return FileOptions("parquet")

    @property
    def is_live(self) -> bool:
        """A table that is read whole is what it is now."""
        return self.grain == "snapshot"
