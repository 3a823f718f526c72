"""Settings of the sources (``include/config/sources.yml``)."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Final, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from include.errors import SourceError
from include.settings.section import Section

ColumnType = Literal["int64", "float64", "string", "timestamp", "date"]
Dimension = Literal[
    "schema", "completeness", "uniqueness", "range", "allowed_values", "volume", "timeliness",
    "relationship", "distribution",
]  # fmt: skip
PROJECT_ROOT: Final = Path(__file__).resolve().parents[2]
_IDENTIFIER = r"^[a-z_][a-z0-9_]{0,62}$"


class ColumnSettings(Section):
    """One column of a delivered file, and what its values may be."""

    type: ColumnType
    nullable: bool = False
    critical: bool = False
    min: float | None = None
    max: float | None = None
    allowed: tuple[str, ...] = ()
    mean_band: tuple[float, float] | None = None
    publish_as: str | None = Field(default=None, pattern=_IDENTIFIER)

    @model_validator(mode="after")
    def _check_rules_fit_type(self) -> Self:
        is_number = self.type in ("int64", "float64")
        if not is_number and (self.min is not None or self.max is not None or self.mean_band is not None):
            raise ValueError(f"min, max and mean_band on int64 or float64 only, not on {self.type}")
        if self.allowed and self.type != "string":
            raise ValueError(f"allowed on string only, not on {self.type}")
        return self


class VolumeBand(Section):
    """Rows of a delivery, as multiples of what earlier deliveries brought."""

    min_ratio: float = Field(default=0.2, ge=0)
    max_ratio: float = Field(default=5.0, gt=0)


class Relation(Section):
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


class FileSource(Section):
    """Files in a folder: one a day (``daily``), or whole copies now and then (``snapshot``)."""

    kind: Literal["files"]
    path: str
    format: Literal["parquet", "csv"]
    grain: Literal["daily", "snapshot"]
    key: tuple[str, ...] = Field(min_length=1)
    critical: bool = True
    allow_empty: bool | Literal["if_declared"] = False
    event_column: str | None = None
    allowed_lateness_days: int = Field(default=0, ge=0)
    freshness_hours: float = Field(default=24.0, gt=0)
    volume: VolumeBand | None = None
    columns: dict[str, ColumnSettings] = Field(min_length=1)
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
            raise ValueError("allow_empty: true or false for CSV; only Parquet can declare that it is empty")
        return self

    @property
    def published_columns(self) -> dict[str, str]:
        """Columns of ``raw.<source>`` by name, with the landing column that each is filled from."""
        columns = {self.publish_name(name): name for name in self.columns}
        if self.grain == "daily":
            columns = {**columns, "day": "day", "batch_day": "batch_day"}
        return columns

    def publish_name(self, column: str) -> str:
        """The name of a delivered column in ``raw.<source>``."""
        return self.columns[column].publish_as or column


class QualitySettings(Section):
    """When a batch is good enough to be published."""

    minimum_score: float = Field(default=0.8, ge=0, le=1)
    max_null_share: float = Field(default=0.05, ge=0, le=1)
    history_deliveries: int = Field(default=56, ge=1)
    min_history_deliveries: int = Field(default=7, ge=1)
    sample_rows: int = Field(default=20, ge=0)
    weights: dict[Dimension, float] = Field(default_factory=dict)

    def find_weight(self, dimension: Dimension) -> float:
        """The weight of one rule of a dimension in the score; 1 unless it is set."""
        return self.weights.get(dimension, 1.0)


class SourceSettings(Section):
    """Settings of the sources."""

    root: str = ".local/shop"
    schedule: str | None = None
    time_zone: str = "America/New_York"
    quality: QualitySettings = Field(default_factory=QualitySettings)
    sources: dict[str, FileSource] = Field(min_length=1)

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
        return self

    def _check_relation(self, name: str, relation: Relation) -> None:
        if relation.source not in self.sources:
            raise ValueError(f"relations of {name} to a known source, not {relation.source!r}")
        here = {*self.sources[name].columns, "day"}
        there = set(self.sources[relation.source].published_columns)
        unknown = sorted({*relation.columns} - here) + sorted({*relation.targets} - there)
        if unknown or len(relation.columns) != len(relation.targets):
            raise ValueError(
                f"a relation of {name} to {relation.source} between as many existing columns"
                + (f"; {', '.join(unknown)} does not exist" if unknown else "")
            )

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
