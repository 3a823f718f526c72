"""Settings of point-in-time features (``include/config/features.yml``)."""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator

from include.settings.section import Section

LONGEST_WINDOW_DAYS: Final = 84
"""The longest window of a feature (``orders_84d`` and the like, in ``dbt/models``)."""


class FeatureSettings(Section):
    """The feature group that dbt builds, and the numbers that its models take as vars."""

    group: str
    description: str
    owner: str
    feature_version: int = Field(ge=1)
    label_horizon_days: int = Field(ge=1)
    active_window_days: int = Field(ge=1, le=LONGEST_WINDOW_DAYS)
    history_days: int = Field(ge=LONGEST_WINDOW_DAYS)
    daily_as_of_days: int = Field(ge=1)
    closed_days_allowed: int = Field(ge=0)
    time_zone: str

    @field_validator("time_zone")
    @classmethod
    def _check_time_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("an IANA time zone such as America/New_York") from error
        return name

    @property
    def dbt_vars(self) -> dict[str, int | str]:
        """What ``dbt --vars`` gets; ``dbt/dbt_project.yml`` holds the same names and defaults."""
        return {
            "feature_version": self.feature_version,
            "label_horizon_days": self.label_horizon_days,
            "active_window_days": self.active_window_days,
            "history_days": self.history_days,
            "daily_as_of_days": self.daily_as_of_days,
            "closed_days_allowed": self.closed_days_allowed,
            "time_zone": self.time_zone,
        }
