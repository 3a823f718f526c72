"""Settings of the sources (``include/config/sources.yml``)."""

from __future__ import annotations

import difflib
import os
from itertools import combinations
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, ConfigDict, Field, field_validator, model_validator

from include.errors import SourceError
from include.settings.cron import check_cron
from include.settings.file_formats import Codec, CsvSettings, FileFormat, check_format, find_codec
from include.settings.section import Section
from include.settings.source_names import (
    SQL_TYPES,
    VALID_FROM,
    VALID_TO,
    ColumnType,
    check_column_name,
    check_publish_type,
    check_published_name,
    check_published_names,
    check_source_name,
    find_publish_bounds,
    find_repeated,
)

Dimension = Literal[
    "schema", "completeness", "uniqueness", "range", "allowed_values", "volume", "timeliness",
    "relationship", "distribution",
]  # fmt: skip
PROJECT_ROOT: Final = Path(__file__).resolve().parents[2]
_NUMBERS: Final = ("int64", "float64")


class SourceSection(Section):
    """A section whose numbers are all finite."""

    model_config = ConfigDict(allow_inf_nan=False)


class ColumnSettings(SourceSection):
    """One column of a delivered file, what its values may be, and how it is published."""

    type: ColumnType
    description: str | None = None
    nullable: bool = False
    critical: bool = False
    min: float | None = None
    max: float | None = None
    allowed: tuple[str, ...] = ()
    mean_band: tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]] | None = None
    publish_as: Annotated[str, AfterValidator(check_published_name)] | None = None
    publish_type: str | None = None

    @model_validator(mode="after")
    def _check_rules_fit_type(self) -> Self:
        is_limited = self.min is not None or self.max is not None or self.mean_band is not None
        if self.type not in _NUMBERS and is_limited:
            raise ValueError(f"min, max and mean_band on int64 or float64 only, not on {self.type}")
        if self.allowed and self.type != "string":
            raise ValueError(f"allowed on string only, not on {self.type}")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"a min that is not above max; {self.min:g} is above {self.max:g}")
        if self.mean_band is not None and self.mean_band[0] > self.mean_band[1]:
            raise ValueError(f"mean_band as [lowest, highest]; {self.mean_band[0]:g} is above {self.mean_band[1]:g}")
        if self.publish_type is not None:
            check_publish_type(self.type, self.publish_type)
        return self

    @property
    def sql_type(self) -> str:
        """The type of the column in ``raw.<source>``."""
        return self.publish_type or SQL_TYPES[self.type]

    @property
    def publish_bounds(self) -> tuple[float, float] | None:
        """The least and the greatest number that ``raw.<source>`` holds; nothing where it holds all delivered ones."""
        return find_publish_bounds(self.type, self.sql_type)


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


class FileSource(SourceSection):
    """Files in a folder: one a day (``daily``), or whole copies now and then (``snapshot``)."""

    kind: Literal["files"]
    description: str | None = None
    path: str
    format: FileFormat
    compression: Codec | None = None
    csv: CsvSettings = Field(default_factory=CsvSettings)
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
        if self.path.count("{day}") != 1 or "{day}" not in self.path.rsplit("/", 1)[-1]:
            raise ValueError("a path with '{day}' once, in its last part")
        named = {*self.key, *((self.event_column,) if self.event_column else ())}
        unknown = sorted(named - set(self.columns))
        if unknown:
            raise ValueError(f"key and event_column among the columns; {', '.join(unknown)} is none of them")
        if self.grain == "daily" and self.event_column is None:
            raise ValueError("an event_column for a daily source: it says which day a row belongs to")
        if self.event_column and self.columns[self.event_column].type not in ("timestamp", "date"):
            raise ValueError("an event_column of type timestamp or date")
        if self.allow_empty == "if_declared" and self.format != "parquet":
            raise ValueError(f"allow_empty: true or false for {self.format}; only Parquet can declare that it is empty")
        check_format(self.format, self.path, self.compression, has_csv="csv" in self.model_fields_set)
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
    def codec(self) -> Codec | None:
        """What the files must be packed with; None: it is seen from each file."""
        return find_codec(self.path, self.compression)

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


class QualitySettings(SourceSection):
    """When a batch is good enough to be published."""

    minimum_score: float = Field(default=0.8, ge=0, le=1)
    max_null_share: float = Field(default=0.05, ge=0, le=1)
    history_deliveries: int = Field(default=56, ge=1)
    min_history_deliveries: int = Field(default=7, ge=1)
    sample_rows: int = Field(default=20, ge=0)
    weights: dict[Dimension, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_history(self) -> Self:
        if self.min_history_deliveries > self.history_deliveries:
            raise ValueError(
                f"a history_deliveries of at least min_history_deliveries ({self.min_history_deliveries}); with "
                f"{self.history_deliveries} the history would never be long enough"
            )
        return self

    def find_weight(self, dimension: Dimension) -> float:
        """The weight of one rule of a dimension in the score; 1 unless it is set."""
        return self.weights.get(dimension, 1.0)


class WaitSettings(SourceSection):
    """How long a run waits for the files of its own day."""

    poll_minutes: float = Field(default=5, gt=0, le=1440)
    timeout_minutes: float = Field(default=60, ge=0, le=10080)


class SourceSettings(SourceSection):
    """Settings of the sources."""

    root: str = ".local/sources"
    schedule: Annotated[str, AfterValidator(check_cron)] | None = None
    time_zone: str = "UTC"
    wait: WaitSettings = Field(default_factory=WaitSettings)
    catch_up_days: int = Field(default=7, ge=1, le=3660)
    quality: QualitySettings = Field(default_factory=QualitySettings)
    sources: dict[Annotated[str, AfterValidator(check_source_name)], FileSource] = Field(min_length=1)

    @field_validator("time_zone")
    @classmethod
    def _check_time_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("a time zone of the IANA database, such as America/New_York") from error
        return value

    @model_validator(mode="after")
    def _check_relations(self) -> Self:
        for name, source in self.sources.items():
            for relation in source.relations:
                self._check_relation(name, relation)
            for one, other in combinations(source.relations, 2):
                if (one.columns, one.source) == (other.columns, other.source):
                    raise ValueError(f"one relation of {name} to {one.source} by {', '.join(one.columns)}, not two")
        return self

    def _check_relation(self, name: str, relation: Relation) -> None:
        if relation.source not in self.sources:
            raise ValueError(f"relations of {name} to a known source, not {relation.source!r}")
        here, there = self._list_kinds(name, "delivered"), self._list_kinds(relation.source, "published")
        unknown = sorted({*relation.columns} - set(here)) + sorted({*relation.targets} - set(there))
        if unknown or len(relation.columns) != len(relation.targets):
            raise ValueError(
                f"a relation of {name} to {relation.source} between as many existing columns"
                + (f"; {', '.join(unknown)} does not exist" if unknown else "")
            )
        for column, target in zip(relation.columns, relation.targets, strict=True):
            if here[column] != there[target]:
                raise ValueError(
                    f"a relation of {name} to {relation.source} between columns that can be compared; "
                    f"{column} is a {here[column]}, {target} a {there[target]}"
                )

    def _list_kinds(self, name: str, side: Literal["delivered", "published"]) -> dict[str, str]:
        """The columns of a source with what their values are compared as."""
        source = self.sources[name]
        kinds = {column: "number" if one.type in _NUMBERS else one.type for column, one in source.columns.items()}
        if side == "published":
            return {target: kinds.get(origin, "date") for target, origin in source.published_columns.items()}
        return {**kinds, "day": "date"} if source.event_column else dict(kinds)

    def find_source(self, name: str) -> FileSource:
        """The settings of one source.

        Raises:
            SourceError: no source has that name; near names are given.
        """
        if name in self.sources:
            return self.sources[name]
        near = difflib.get_close_matches(name, self.sources, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known sources: {', '.join(self.sources)}."
        raise SourceError(f"There is no source {name!r} in sources.yml. {hint}")


def sources_root(settings: SourceSettings) -> Path:
    """The folder of the sources' files: ``ORRERY_SOURCES_DIR``, else ``root`` of sources.yml.

    A relative folder is taken from the project's root.
    """
    return PROJECT_ROOT / (os.environ.get("ORRERY_SOURCES_DIR") or settings.root)
