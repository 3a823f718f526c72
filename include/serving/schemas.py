"""What goes in and out over HTTP."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, FailFast, Field, model_validator

from include.rollout.stats import Variant

KeyText = int | str


class PredictRequest(BaseModel):
    """The keys of an entity in the online tables, or the values of all features; null stands for undefined."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"keys": {"machine_id": 7}}]})

    keys: dict[str, Any] | None = None
    features: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _check_one_of(self) -> Self:
        if (self.keys is None) == (self.features is None):
            raise ValueError("give either keys or features, and not both")
        return self


class BatchRequest(BaseModel):
    """Several requests that are answered together, or refused together."""

    model_config = ConfigDict(extra="forbid")

    # The first request that does not fit is named; a list of all takes seconds to make.
    requests: Annotated[list[PredictRequest], Field(min_length=1), FailFast()]


class Prediction(BaseModel):
    """One answer; ``keys`` and ``as_of_date`` (the day of the features) are null when the client sent the features.

    ``prediction`` is true or false, a class, or a number, by the model's task; ``probability`` (that it is true)
    and ``probabilities`` (of each class) stand there where the task has them.
    """

    model_config = ConfigDict(protected_namespaces=())

    model: str
    model_version: int
    variant: Variant
    request_id: str
    keys: dict[str, KeyText] | None
    as_of_date: date | None
    prediction: bool | str | float
    probability: float | None = None
    probabilities: dict[str, float] | None = None


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


class ServerReadiness(BaseModel):
    """Whether the champions can answer; ``failed`` are the models whose champion could not be loaded, and why."""

    status: str
    is_ready: bool
    reason: str
    failed: dict[str, str]


def hide_reasons(readiness: ServerReadiness) -> ServerReadiness:
    """The same without names and reasons, for who has no token."""
    return readiness.model_copy(update={"reason": "reasons are for callers with a token", "failed": {}})


class VersionStatus(BaseModel):
    """One version in the server's memory: loading, ready or failed."""

    version: int
    status: str
    reason: str


class FeatureField(BaseModel):
    """One feature that the champion takes."""

    name: str
    kind: str


class KeyField(BaseModel):
    """One key of the champion's entity."""

    name: str
    type: str


class ModelStatus(BaseModel):
    """What the server knows of one model and has done for it since it started."""

    name: str
    is_ready: bool
    reason: str
    task: str | None
    entity: str | None
    keys: list[KeyField]
    features: list[FeatureField]
    champion_version: int | None
    stray_alias: str | None
    challenger_version: int | None
    challenger_weight: float
    shadow_share: float
    shadow_dropped: int
    versions: list[VersionStatus]
    predictions: dict[str, int]
    errors: dict[str, int]


class ServerStatus(BaseModel):
    """What the server knows and has done since it started."""

    models: list[ModelStatus]
    is_warehouse_reachable: bool
    log_rows_waiting: int
    log_rows_dropped: int
    log_error: str
    started_at: str
