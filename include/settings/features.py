"""Settings of the feature store: when a built group may be published (``include/config/features.yml``)."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from include.settings.section import Section

Share = Annotated[float, Field(ge=0, le=1)]


class ValidationSettings(Section):
    """When what a build has changed of a feature group is good enough to be published."""

    minimum_score: Share = 0.8
    history_dates: Annotated[int, Field(ge=1)] = 56
    min_history_dates: Annotated[int, Field(ge=1)] = 7
    null_share_tolerance: Share = 0.05
    mean_tolerance: Annotated[float, Field(ge=0)] = 2.0
    min_row_ratio: Annotated[float, Field(ge=0)] = 0.2
    max_row_ratio: Annotated[float, Field(gt=0)] = 5.0

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.min_history_dates > self.history_dates:
            raise ValueError("a history_dates of at least min_history_dates, or the history would never be long enough")
        if self.min_row_ratio > self.max_row_ratio:
            raise ValueError("a min_row_ratio that is not above max_row_ratio")
        return self


class FeatureDriftSettings(Section):
    """When a feature has drifted from what was published before, and what follows."""

    action: Literal["warn", "stop"] = "warn"
    psi_threshold: Annotated[float, Field(gt=0)] = 0.2
    ks_p_value: Annotated[float, Field(gt=0, lt=1)] = 0.01
    min_rows: Annotated[int, Field(ge=1)] = 200


class FeatureSettings(Section):
    """Settings of the feature store."""

    validation: ValidationSettings = Field(default_factory=ValidationSettings)
    drift: FeatureDriftSettings = Field(default_factory=FeatureDriftSettings)
