"""A challenger in shadow: the champion's questions, answered once more, and the answers compared in pairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, Literal

from include.errors import RolloutError
from include.rollout.check import Check, list_failures
from include.rollout.confidence import bound_share
from include.rollout.events import RolloutEvent, read_last_event
from include.rollout.runs import TAKEN_OVER, DeploymentRun, read_run_event
from include.rollout.state import (
    RolloutState,
    end_shadow,
    note_resumption,
    renew_lease,
    require_rollout,
    start_shadow,
)
from include.settings.rollout import ShadowSettings
from include.warehouse.session import Session, open_session

Verdict = Literal["proceed", "refuse", "inconclusive"]

ENDED: Final = "shadow_ended"
_ALPHA: Final = 0.05


@dataclass(frozen=True)
class ShadowFigures:
    """Pairs of answers to the same question; but for requests and latencies, the first pair of each entity counts.

    Attributes:
        requests: that the challenger got; rows of one batch are one, of which a part may have failed.
        failed: sum of the failed parts.
        latency_p95_ms: of the challenger, over all rows; ``champion_latency_p95_ms`` of the same rows.
        difference_mean: challenger less champion; ``difference_p50`` and ``difference_p95`` of the absolute value.
        correlation: of both predictions (Pearson); ``rank_correlation`` of their ranks (Spearman, 1904). None where
            one of both does not vary.
        decided: entities with a decision from both, ``differing`` of them a different one; 0 of a regression.
    """

    entities: int = 0
    requests: int = 0
    failed: float = 0.0
    latency_p95_ms: float | None = None
    champion_latency_p95_ms: float | None = None
    difference_mean: float | None = None
    difference_p50: float | None = None
    difference_p95: float | None = None
    correlation: float | None = None
    rank_correlation: float | None = None
    decided: int = 0
    differing: int = 0


@dataclass(frozen=True)
class ShadowReport:
    """What a shadow test has found."""

    verdict: Verdict
    checks: tuple[Check, ...]
    figures: ShadowFigures
    elapsed_s: float

    @property
    def reason(self) -> str:
        """What kept it from a yes, in words; or that nothing did."""
        return list_failures(self.checks) or f"all {len(self.checks)} checks passed"

    def describe(self) -> dict[str, Any]:
        """The report in JSON types, as the event ``shadow_ended`` keeps it."""
        return {
            "verdict": self.verdict, "reason": self.reason, "elapsed_s": round(self.elapsed_s, 1),
            "checks": [asdict(check) for check in self.checks], "figures": asdict(self.figures),
        }  # fmt: skip


def judge_shadow(figures: ShadowFigures, elapsed_s: float, settings: ShadowSettings) -> ShadowReport | None:
    """The report of a shadow test, or None while it goes on.

    Failures that are shown to be too many end it at any look (the interval holds at every look); all else is judged
    once, with enough entities. Too few of them at the end of its time leave it inconclusive.
    """
    failures = _check_failures(figures, settings)
    has_enough, is_over = figures.entities >= settings.min_entities, elapsed_s >= settings.max_wait_s
    if failures.has_failed:
        return ShadowReport("refuse", (failures,), figures, elapsed_s)
    if not has_enough and not is_over:
        return None
    enough = Check(
        "entities", has_enough, figures.entities, settings.min_entities,
        f"{figures.entities} entities were answered twice in {elapsed_s:.0f} s, {settings.min_entities} are asked for",
        is_clear=has_enough,
    )  # fmt: skip
    if not has_enough:
        return ShadowReport("inconclusive", (enough, failures), figures, elapsed_s)
    decisions = (_check_decisions(figures, settings),) if figures.decided else ()
    checks = (enough, failures, _check_latency(figures, settings), _check_ranks(figures, settings), *decisions)
    is_refused = any(check.has_failed for check in checks)
    return ShadowReport("refuse" if is_refused else "proceed", checks, figures, elapsed_s)


def _check_failures(figures: ShadowFigures, settings: ShadowSettings) -> Check:
    most, share = settings.failed_max, figures.failed / max(figures.requests, 1)
    bounds = bound_share(figures.failed, figures.requests, _ALPHA)
    reason = (
        f"{figures.failed:.4g} of {figures.requests} requests failed ({bounds.low:.2%} to {bounds.high:.2%}), at most "
        f"{most:.2%} may"
    )
    return Check("failed", bounds.low <= most, share, most, reason)


def _check_latency(figures: ShadowFigures, settings: ShadowSettings) -> Check:
    before, now, most = figures.champion_latency_p95_ms, figures.latency_p95_ms, settings.latency_ratio_max
    if before is None or now is None:
        return Check("latency_ratio", False, None, most, "no answer succeeded, so there is no latency")
    ratio = now / max(before, 1e-6)
    reason = (
        f"p95 latency {now:.2f} ms is {ratio:.2f} times the champion's {before:.2f} ms; allowed is {most:g} times, or "
        f"anything up to {settings.latency_floor_ms:g} ms"
    )
    return Check("latency_ratio", ratio <= most or now <= settings.latency_floor_ms, ratio, most, reason)


def _check_ranks(figures: ShadowFigures, settings: ShadowSettings) -> Check:
    least, found = settings.rank_correlation_min, figures.rank_correlation
    if found is None:
        return Check("rank_correlation", True, None, least, "a version answers all alike, so ranks do not compare")
    reason = (
        f"rank correlation {found:.3f} (at least {least:g}), mean difference {figures.difference_mean or 0.0:.4g}, "
        f"p95 of the absolute difference {figures.difference_p95 or 0.0:.4g}"
    )
    return Check("rank_correlation", found >= least, found, least, reason)


def _check_decisions(figures: ShadowFigures, settings: ShadowSettings) -> Check:
    most, share = settings.decisions_differ_max, figures.differing / figures.decided
    bounds = bound_share(figures.differing, figures.decided, _ALPHA)
    reason = (
        f"{figures.differing} of {figures.decided} decisions differ from the champion's ({bounds.low:.2%} to "
        f"{bounds.high:.2%}), at most {most:.2%} may"
    )
    return Check("decisions_differ", bounds.low <= most, share, most, reason)


def read_figures(session: Session, model_name: str, version: int, since: datetime) -> ShadowFigures:
    """The pairs of a version since a moment; a question is paired with the champion's answer right before it."""
    row = session.fetch_one(
        "with log as materialized (select id, at, request_id, coalesce(keys::text, request_id) as entity, "
        "coalesce(batch_id, id::text) as unit, variant, model_version, is_error, latency_ms, prediction, answer "
        "from serving.inference_log where model_name = %(model)s and at >= %(since)s "
        "and variant in ('champion', 'shadow')), "
        "pairs as (select distinct on (copied.id) copied.*, champion.prediction as said, "
        "champion.latency_ms as took_ms, champion.answer -> 'prediction' as decided "
        "from log as copied inner join log as champion "
        "on champion.variant = 'champion' and not champion.is_error and champion.request_id = copied.request_id "
        "and champion.entity = copied.entity and champion.at <= copied.at "
        "where copied.variant = 'shadow' and copied.model_version = %(version)s order by copied.id, champion.at desc), "
        "units as (select unit, avg(is_error::int) as failed from pairs group by unit), "
        "firsts as (select distinct on (entity) * from pairs order by entity, at, id), "
        "ranked as (select *, prediction - said as difference, rank() over (order by prediction) as own_rank, "
        "rank() over (order by said) as said_rank from firsts where not is_error) "
        "select (select count(*) from firsts) as entities, (select count(*) from units) as requests, "
        "(select coalesce(sum(failed), 0)::double precision from units) as failed, "
        "(select percentile_cont(0.95) within group (order by latency_ms) from pairs where not is_error) "
        "as latency_p95_ms, "
        "(select percentile_cont(0.95) within group (order by took_ms) from pairs where not is_error) "
        "as champion_latency_p95_ms, "
        "avg(difference) as difference_mean, percentile_cont(0.5) within group (order by abs(difference)) "
        "as difference_p50, percentile_cont(0.95) within group (order by abs(difference)) as difference_p95, "
        "corr(prediction, said) as correlation, corr(own_rank, said_rank) as rank_correlation, "
        "count(*) filter (where jsonb_typeof(decided) <> 'number') as decided, "
        "count(*) filter (where jsonb_typeof(decided) <> 'number' and decided <> answer -> 'prediction') as differing "
        "from ranked",
        {"model": model_name, "version": version, "since": since},
    )
    return ShadowFigures(**(row or {}))


def look_at_shadow(
    uri: str, model_name: str, version: int, settings: ShadowSettings, run: DeploymentRun
) -> Mapping[str, Any] | None:
    """Begin a shadow test or go on with it, look once, and end it when it is decided.

    Done again after its end, by the same run, it tells the same.

    Returns:
        the report, see :meth:`ShadowReport.describe`; None while it goes on.

    Raises:
        RolloutError: another challenger is there, or somebody else has ended the test.
        WarehouseError: the warehouse is away.
    """
    with open_session(uri) as session:
        ended = read_run_event(session, model_name, run, ENDED)
        if ended is not None:
            return ended.detail
        state = _begin(session, model_name, version, settings, run)
        began = _read_beginning(session, state)
        elapsed_s = float(session.fetch_value("select extract(epoch from now() - %s)", (began.at,)))
    with open_session(uri) as session:
        report = judge_shadow(read_figures(session, model_name, version, began.at), elapsed_s, settings)
        if report is None:
            renew_lease(session, state, settings.lease_s)
            return None
        told = report.describe()
        end_shadow(session, state, told, run)
        return told


def _begin(
    session: Session, model_name: str, version: int, settings: ShadowSettings, run: DeploymentRun
) -> RolloutState:
    state = require_rollout(session, model_name)
    is_begun = read_run_event(session, model_name, run, "shadow_started", TAKEN_OVER) is not None
    if is_begun and (state.stage, state.challenger_version) != ("shadow", version):
        last = read_last_event(session, model_name, "rolled_back", "restored", ENDED)
        reason = "by another run" if last is None else str(last.detail.get("reason", last.event))
        raise RolloutError(f"The shadow test of version {version} of {model_name!r} was ended: {reason}.")
    state = start_shadow(session, state, version, settings.share, settings.lease_s, run=run)
    if state.lease_left_s <= 0:
        note_resumption(session, state)
    return renew_lease(session, state, settings.lease_s)


def _read_beginning(session: Session, state: RolloutState) -> RolloutEvent:
    """When the test, or its part since it was watched last, began."""
    event = read_last_event(session, state.model_name, "shadow_started", "resumed")
    if event is None:
        raise RolloutError(f"The shadow test of {state.model_name!r} has no event shadow_started: roll it back.")
    return event
