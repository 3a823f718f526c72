"""What every kind of source has in ``sources.yml``; the base of the settings of each kind."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from include.settings.file_formats import Codec, CsvSettings, FileFormat, FileOptions, check_format, find_codec
from include.settings.source_columns import ColumnSettings, SourceSection
from include.settings.source_names import (
    SQL_TYPES,
    VALID_FROM,
    VALID_TO,
    check_column_name,
    check_published_names,
    find_repeated,
)


class VolumeBand(SourceSection):
    """Rows of a delivery, as multiples of what earlier deliveries brought."""

    min_ratio: float = Field(default=0.2, ge=0)
    max_ratio: float = Field(default=5.0, gt=0)

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.min_ratio > self.max_ratio:
            raise ValueError(f"a min_ratio that is not above max_ratio; {self.min_ratio:g} is above {self.max_ratio:g}")
        return self


class Relation(SourceSection):
    """Values of ``columns`` must be known in ``source`` under its published names ``to``."""

    columns: tuple[str, ...] = Field(min_length=1)
    source: str
    to: tuple[str, ...] = ()
    min_known_share: float = Field(default=1.0, ge=0, le=1)
    critical: bool = True

    @property
    def targets(self) -> tuple[str, ...]:
        """The published columns that are looked up; those of the same names by default."""
        return self.to or self.columns


class SourceBase(SourceSection):
    """A source of any kind: its deliveries, each of one day, as ``daily`` parts or as whole copies (``snapshot``).

    The settings of a kind add ``kind`` and where its deliveries come from.
    """

    description: str | None = None
    grain: Literal["daily", "snapshot"]
    key: tuple[str, ...] = Field(min_length=1)
    critical: bool = True
    allow_empty: bool | Literal["if_declared"] = False
    event_column: str | None = None
    allowed_lateness_days: int = Field(default=0, ge=0, le=3660)
    freshness_hours: float = Field(default=24.0, gt=0)
    volume: VolumeBand | None = None
    columns: dict[Annotated[str, AfterValidator(check_column_name)], ColumnSettings] = Field(min_length=1)
    relations: tuple[Relation, ...] = ()

    @model_validator(mode="after")
    def _check_consistency(self) -> Self:
        named = {*self.key, *((self.event_column,) if self.event_column else ())}
        unknown = sorted(named - set(self.columns))
        if unknown:
            raise ValueError(f"key and event_column among the columns; {', '.join(unknown)} is none of them")
        if self.grain == "daily" and self.event_column is None:
            raise ValueError("an event_column for a daily source: it says which day a row belongs to")
        if self.event_column and self.columns[self.event_column].type not in ("timestamp", "date"):
            raise ValueError("an event_column of type timestamp or date")
        if self.allow_empty == "if_declared" and not self.can_declare_empty:
            raise ValueError(
                f"allow_empty: true or false for {self.file_options.format}; only Parquet files that are delivered can "
                "declare that they are empty"
            )
        return self

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        repeated = find_repeated(self.key)
        if repeated:
            raise ValueError(f"a key that names every column once, not {repeated[0]} twice")
        for column in self.key:
            if self.columns[column].type == "int64" and self.columns[column].sql_type == "double precision":
                raise ValueError(f"the key's column {column} published as a whole number; double precision rounds it")
            if self.columns[column].type == "float64" and self.columns[column].publish_type not in (
                None,
                SQL_TYPES["float64"],
            ):
                raise ValueError(
                    f"the key's column {column} published as it is delivered; rounding would change the key"
                )
        day_column = self.event_column if self.event_column and self.columns[self.event_column].type == "date" else None
        added = ("day", "batch_day", *self.validity_columns)
        check_published_names({name: self.publish_name(name) for name in self.columns}, day_column, added)
        return self

    @property
    @abstractmethod
    def file_options(self) -> FileOptions:
        """How the local file of a delivery is written, from which its rows are read."""

    @property
    def can_declare_empty(self) -> bool:
        """Whether a delivery can say by itself why it has no rows."""
        return False

    @property
    def is_live(self) -> bool:
        """Whether there is nothing but the newest copy, which has the day that it was read or changed last."""
        return False

    @property
    def published_columns(self) -> dict[str, str]:
        """Columns of ``raw.<source>`` by name, with the landing column that each is filled from.

        A snapshot source's has :attr:`validity_columns` besides, which nobody delivers.
        """
        columns = {self.publish_name(name): name for name in self.columns}
        if self.grain == "daily":
            columns = {**columns, "day": "day", "batch_day": "batch_day"}
        return columns

    @property
    def validity_columns(self) -> tuple[str, ...]:
        """The columns of ``raw.<source>`` that say at which as-of dates a row of a snapshot counts."""
        return (VALID_FROM, VALID_TO) if self.grain == "snapshot" else ()

    @property
    def published_types(self) -> dict[str, str]:
        """Columns of ``raw.<source>`` by name, with their SQL types."""
        own = {"day": "date", "batch_day": "date"}
        types = {
            name: self.columns[origin].sql_type if origin in self.columns else own[origin]
            for name, origin in self.published_columns.items()
        }
        return {**types, **dict.fromkeys(self.validity_columns, "date")}

    def publish_name(self, column: str) -> str:
        """The name of a delivered column in ``raw.<source>``."""
        return self.columns[column].publish_as or column


class ConnectedSource(SourceBase):
    """A source that is reached by an Airflow connection, which holds its address and its secrets."""

    connection: str = Field(pattern=r"^[A-Za-z0-9_.\-]+$", max_length=250)


class DatedFiles(SourceBase):
    """Files, the name of each of which holds its day."""

    path: str
    format: FileFormat
    compression: Codec | None = None
    csv: CsvSettings = Field(default_factory=CsvSettings)

    @model_validator(mode="after")
    def _check_path(self) -> Self:
        if self.path.count("{day}") != 1 or "{day}" not in self.path.rsplit("/", 1)[-1]:
            raise ValueError("a path with '{day}' once, in its last part")
        check_format(self.format, self.path, self.compression, has_csv="csv" in self.model_fields_set)
        return self

    @property
    def file_options(self) -> FileOptions:
        """How the files are written."""
        return FileOptions(self.format, find_codec(self.path, self.compression), self.csv)

    @property
    def can_declare_empty(self) -> bool:
        """Whether a file can say by itself why it has no rows."""
        return self.format == "parquet"
