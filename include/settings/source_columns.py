"""Settings of the columns of a source: what their values may be, and how they are published."""

from __future__ import annotations

from typing import Annotated, Final, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from include.settings.section import Section
from include.settings.source_names import (
    SQL_TYPES,
    ColumnType,
    check_publish_type,
    check_published_name,
    find_publish_bounds,
)

NUMBERS: Final = ("int64", "float64")
"""The types of numbers."""


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
        if self.type not in NUMBERS and is_limited:
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
