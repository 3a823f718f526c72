"""Settings of staging, canary, promotion and the model server (``include/config/rollout.yml``)."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from include.settings.section import Section

Strategy = Literal["canary", "shadow", "ab_test", "blue_green", "none"]

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


class ShadowSettings(Section):
    """How long a challenger answers copies of questions, and what its answers must show.

    Attributes:
        share: of the champion's questions, by entity.
        min_entities: that were answered by both; then the test ends, at the latest after ``max_wait_s``.
        failed_max: the share of requests that may fail.
        decisions_differ_max: the share of entities about which both may decide differently.
        when_inconclusive: what follows from too little traffic.
    """

    share: Annotated[float, Field(gt=0, le=1)]
    min_entities: Count
    max_wait_s: Positive
    poll_interval_s: Positive
    lease_s: Positive
    failed_max: Share
    latency_ratio_max: Annotated[float, Field(ge=1)]
    latency_floor_ms: Positive
    rank_correlation_min: Annotated[float, Field(ge=-1, le=1)]
    decisions_differ_max: Share
    when_inconclusive: Literal["proceed", "refuse"]

    @model_validator(mode="after")
    def _check_lease(self) -> Self:
        if self.lease_s < 2 * self.poll_interval_s:
            raise ValueError("lease_s to be at least twice poll_interval_s, at which it is renewed")
        return self


class AbTestSettings(Section):
    """What an A/B test registers before it starts.

    Attributes:
        share: the challenger's, of the entities.
        metric: ``score``, the task's; or ``value``, the mean gain of an entity by ``gates.value.gains``.
        min_difference: challenger less champion; the interval must lie above it to promote.
        size: entities of each side with a known outcome, at which the test ends.
        duration_s: at the latest then.
        confidence: of the interval.
        when_inconclusive: what follows when it shows neither.
    """

    share: Annotated[float, Field(gt=0, lt=1)]
    metric: Literal["score", "value"]
    min_difference: float
    size: Count
    duration_s: Positive
    confidence: Annotated[float, Field(ge=0.5, lt=1)]
    poll_interval_s: Positive
    lease_s: Positive
    when_inconclusive: Literal["restore", "promote"]

    @model_validator(mode="after")
    def _check_lease(self) -> Self:
        if self.lease_s < 2 * self.poll_interval_s:
            raise ValueError("lease_s to be at least twice poll_interval_s, at which it is renewed")
        return self


class BlueGreenSettings(Section):
    """How long a version that has taken all traffic at once is watched.

    Attributes:
        watch_s: at least so long, with canary.criteria.min_samples entities.
        max_wait_s: with fewer entities by then, it is rolled back as inconclusive.
        compare_s: its figures are compared with the champion's of so long before the switch.
    """

    watch_s: Positive
    max_wait_s: Positive
    compare_s: Positive

    @model_validator(mode="after")
    def _check_times(self) -> Self:
        if self.max_wait_s < self.watch_s:
            raise ValueError("max_wait_s to be at least watch_s")
        return self


class HealthCriteria(Section):
    """How often a version under test is asked whether it is healthy.

    Attributes:
        initial_delay_s: after it is ready, before the first time.
        failure_threshold: so many failures in a row, and it is not.
        success_threshold: so many successes in a row, and it is.
    """

    initial_delay_s: Annotated[float, Field(ge=0)]
    interval_s: Positive
    failure_threshold: Count
    success_threshold: Count


class StagingCriteria(Section):
    """What a version must show on real requests before any client's request reaches it.

    Attributes:
        answer_tolerance: how far an answer may be from that of the registered file, in probability, or as a part of a
            number.
    """

    health: HealthCriteria
    answer_tolerance: Annotated[float, Field(ge=0)]
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
    shadow_capacity: Count
    shadow_deadline_ms: Positive
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
        strategy: ``canary``; ``shadow``, and then a canary; ``ab_test``, by outcomes; ``blue_green``, all traffic at
            once; or ``none``: a candidate that may go to production is champion at once, and the model server is asked
            nothing. A run of ``deploy_model`` may name another.
    """

    strategy: Strategy
    staging: StagingCriteria
    shadow: ShadowSettings
    ab_test: AbTestSettings
    blue_green: BlueGreenSettings
    canary: CanarySettings
