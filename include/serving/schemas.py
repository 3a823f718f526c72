"""What goes in and out over HTTP."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, Strict, model_validator

from include.rollout.stats import Variant

_BIGINT_MAX: Final = 2**63 - 1
_FLOAT32_MAX: Final = 3.4e38

HouseholdId = Annotated[int, Strict(), Field(ge=0, le=_BIGINT_MAX)]
FeatureValue = Annotated[float, Strict(), Field(ge=-_FLOAT32_MAX, le=_FLOAT32_MAX, allow_inf_nan=False)]


class PredictRequest(BaseModel):
    """A household of the online store, or the values of all features; null stands for undefined."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"household_id": 1}]},
    )

    household_id: HouseholdId | None = None
    features: dict[str, FeatureValue | None] | None = None

    @model_validator(mode="after")
    def _check_one_of(self) -> Self:
        if (self.household_id is None) == (self.features is None):
            raise ValueError("give either household_id or features, and not both")
        return self


class BatchRequest(BaseModel):
    """Several requests that are answered together, or refused together."""

    model_config = ConfigDict(extra="forbid")

    requests: Annotated[list[PredictRequest], Field(min_length=1)]


class Prediction(BaseModel):
    """One answer; ``as_of_date`` is the day of the features, absent when the client sent them."""

    model_config = ConfigDict(protected_namespaces=())

    probability: float
    is_churn_predicted: bool
    model_version: int
    variant: Variant
    request_id: str
    household_id: int | None
    as_of_date: date | None


class BatchPrediction(BaseModel):
    """Answers in the order of the requests."""

    predictions: list[Prediction]


class Refusal(BaseModel):
    """Why there is no answer: what happened, to what, and what to do."""

    detail: str


class Health(BaseModel):
    """The process is alive."""

    status: str


class Readiness(BaseModel):
    """Whether a version can answer, and if not, why."""

    status: str
    is_ready: bool
    version: int | None
    reason: str


class VersionStatus(BaseModel):
    """One version in the server's memory: loading, ready or failed."""

    version: int
    status: str
    reason: str


class ServerStatus(BaseModel):
    """What the server knows and has done since it started."""

    model_name: str
    is_ready: bool
    reason: str
    champion_version: int | None
    challenger_version: int | None
    challenger_weight: float
    feature_names: tuple[str, ...]
    is_warehouse_reachable: bool
    versions: list[VersionStatus]
    predictions: dict[str, int]
    errors: dict[str, int]
    log_rows_waiting: int
    log_rows_dropped: int
    log_error: str
    started_at: str
