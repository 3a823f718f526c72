"""Settings of the sources (``include/config/sources.yml``)."""

from __future__ import annotations

import difflib
import os
import re
from itertools import combinations
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, field_validator, model_validator

from include.errors import SourceError
from include.settings.cron import check_cron
from include.settings.source_base import Relation
from include.settings.source_columns import NUMBERS, SourceSection
from include.settings.source_kinds import Source
from include.settings.source_names import check_source_name
from include.warehouse.names import MAX_NAME_BYTES

Dimension = Literal[
    "schema", "completeness", "uniqueness", "range", "allowed_values", "volume", "timeliness",
    "relationship", "distribution",
]  # fmt: skip
PROJECT_ROOT: Final = Path(__file__).resolve().parents[2]


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
    local_systems: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$")] | None = None
    schedule: Annotated[str, AfterValidator(check_cron)] | None = None
    time_zone: str = "UTC"
    wait: WaitSettings = Field(default_factory=WaitSettings)
    catch_up_days: int = Field(default=7, ge=1, le=3660)
    keep_days: int | None = Field(default=None, ge=1)
    quality: QualitySettings = Field(default_factory=QualitySettings)
    sources: dict[Annotated[str, AfterValidator(check_source_name)], Source] = Field(min_length=1)

    @field_validator("time_zone")
    @classmethod
    def _check_time_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("a time zone of the IANA database, such as America/New_York") from error
        return value

    @model_validator(mode="after")
    def _check_days(self) -> Self:
        late = max(source.allowed_lateness_days for source in self.sources.values())
        if self.keep_days is not None and self.keep_days <= self.catch_up_days + late:
            raise ValueError(
                f"a keep_days above catch_up_days and the longest allowed_lateness_days ({self.catch_up_days} + "
                f"{late}), not {self.keep_days}; rows that are still looked up would be dropped"
            )
        for name in (name for name, source in self.sources.items() if source.grain == "daily"):
            if len(f"{name}_YYYYMMDD") > MAX_NAME_BYTES:
                raise ValueError(f"a name of {MAX_NAME_BYTES - 9} characters at most for the daily source {name}")
            for other in self.sources:
                if re.fullmatch(rf"{name}_\d{{8}}", other):
                    raise ValueError(f"another name than {other!r}: a day of {name} is kept in a table of that name")
        return self

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
        kinds = {column: "number" if one.type in NUMBERS else one.type for column, one in source.columns.items()}
        if side == "published":
            return {target: kinds.get(origin, "date") for target, origin in source.published_columns.items()}
        return {**kinds, "day": "date"} if source.event_column else dict(kinds)

    def find_source(self, name: str) -> Source:
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
