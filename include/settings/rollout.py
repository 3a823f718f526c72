"""Settings of staging, canary, promotion and the model server (``include/config/rollout.yml``)."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from include.settings.section import Section

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
HostName = Annotated[str, Field(pattern=r"^(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*$")]


class CanaryCriteria(Section):
    """What one step of a canary must show, and how long it may take to show it.

    Attributes:
        min_samples: entities that each variant must have answered.
        wrong_rollback_max: the chance that harm is found in a challenger within every limit, however often one looks; a
            step that ends inconclusive is not among it.
    """

    min_samples: Count
    min_interval_s: Positive
    max_wait_s: Positive
    poll_interval_s: Positive
    wrong_rollback_max: Annotated[float, Field(gt=0, lt=1)]
    success_rate_min: Share
    error_rate_increase_max: Share
    latency_p95_max_ms: Positive
    latency_ratio_max: Annotated[float, Field(ge=1)]
    latency_floor_ms: Positive
    prediction_shift_max: Positive
    prediction_spread_ratio_max: Annotated[float, Field(ge=1)]
    class_shift_max: Share

    @model_validator(mode="after")
    def _check_times(self) -> Self:
        if self.max_wait_s < self.min_interval_s:
            raise ValueError("max_wait_s to be at least min_interval_s")
        return self


class CanarySettings(Section):
    """The steps of a canary, as shares of traffic, and the criteria of each.

    Attributes:
        lease_s: a challenger keeps its share for so long after the last look of the task that watches it.
    """

    steps: tuple[Share, ...]
    lease_s: Positive
    criteria: CanaryCriteria

    @model_validator(mode="after")
    def _check_lease(self) -> Self:
        if self.lease_s < 2 * self.criteria.poll_interval_s:
            raise ValueError("lease_s to be at least twice criteria.poll_interval_s, at which it is renewed")
        return self

    @model_validator(mode="after")
    def _check_steps(self) -> Self:
        is_rising = all(earlier < later for earlier, later in pairwise((0.0, *self.steps)))
        if len(self.steps) < 2 or not is_rising or self.steps[-1] != 1.0:
            raise ValueError(
                "steps to be at least two rising shares that end at 1.0, because the champion must be "
                "observed beside the challenger before the challenger takes everything"
            )
        return self


class StagingCriteria(Section):
    """What a version must show on real requests before any client's request reaches it."""

    ready_timeout_s: Positive
    request_timeout_s: Positive
    load_requests: Count
    load_concurrency: Count
    error_rate_max: Share
    latency_p95_max_ms: Positive


class ServerSettings(Section):
    """How the model server polls, logs and bounds a challenger, and by which names it is asked.

    Attributes:
        allowed_hosts: names that a Host header may have, besides any IP address; ``*.name`` is every name below.
        explanations_at_once: of all models together.
    """

    allowed_hosts: tuple[HostName, ...]
    poll_interval_s: Positive
    alias_interval_s: Positive
    log_flush_interval_s: Positive
    log_capacity: Count
    challenger_deadline_ms: Positive
    batch_max_rows: Count
    body_max_bytes: Count
    body_timeout_s: Positive
    inline_max_ms: Positive
    connections_max: Count
    loads_at_once: Count
    explanations_at_once: Count = 2
    database_timeout_s: Positive


class RolloutSettings(Section):
    """How one model goes from candidate to champion.

    Attributes:
        strategy: ``canary``, or ``none``: a candidate that may go to production is champion at once, and the model
            server is asked nothing.
    """

    strategy: Literal["canary", "none"]
    staging: StagingCriteria
    canary: CanarySettings
