"""An A/B test: written down before it starts, watched for harm all the time, and decided once, at its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from math import hypot
from statistics import NormalDist
from typing import Any, Final, Literal

from include.errors import RolloutError
from include.features.spec import ModelSpec
from include.registry.contract import ModelContract
from include.rollout.ab_outcomes import Measured, Metric, Side, count_outcomes, measure_outcomes
from include.rollout.begin import begin_challenge, describe_end
from include.rollout.check import list_failures
from include.rollout.events import append_event, read_last_event
from include.rollout.judge import URGENT_CHECKS, CanaryDecision, StepPlan, judge_canary
from include.rollout.runs import DeploymentRun, describe_run, read_run_event
from include.rollout.state import RolloutState, note_resumption, renew_lease, require_rollout, roll_back, set_weight
from include.rollout.stats import read_stats
from include.settings.rollout import AbTestSettings, CanaryCriteria
from include.warehouse.session import Session, open_session

Outcome = Literal["promote", "restore"]
ReadContract = Callable[[int], ModelContract]

REGISTERED: Final = "ab_test_registered"
ENDED: Final = "ab_test_ended"
SAFETY_CHECKS: Final = URGENT_CHECKS | {"latency_p95", "latency_ratio"}
"""What ends a test at any look: that versions answer differently is what it is for."""
SPLIT_CHECKS: Final = frozenset({"routing", "crossed_entities"})
"""What ends it, too: of entities that are not split as registered, nothing is learned however long it goes on."""
_FEWEST: Final = 30
"""Entities of a side with known outcomes before the normal interval of its metric is believed."""
_METHOD: Final = "fixed horizon: z interval of the difference, one look at the end"


@dataclass(frozen=True)
class AbPlan:
    """What was written down before the test began; nothing of it can be changed after.

    Attributes:
        size: entities of each side with a known outcome, at which it ends; at the latest after ``duration_s``.
        min_difference: challenger less champion, in the unit of ``metric``, that must be exceeded.
        outcomes_after_days: after so many days an outcome is known.
        are_outcomes_late: the test lasts less.
    """

    share: float
    metric: Metric
    metric_name: str
    min_difference: float
    size: int
    duration_s: float
    confidence: float
    when_inconclusive: Outcome
    outcomes_after_days: int
    are_outcomes_late: bool
    method: str = _METHOD


@dataclass(frozen=True)
class AbReport:
    """How a test came out; the difference is challenger less champion, None where a side has none."""

    decision: Outcome
    finding: Literal["better", "worse", "inconclusive"]
    reason: str
    difference: float | None
    low: float | None
    high: float | None
    champion: Measured
    challenger: Measured
    elapsed_s: float


def plan_test(settings: AbTestSettings, spec: ModelSpec, score_name: str) -> AbPlan:
    """The plan that the settings make of a model."""
    return AbPlan(
        settings.share, settings.metric, score_name if settings.metric == "score" else "gain of an entity",
        settings.min_difference, settings.size, settings.duration_s, settings.confidence, settings.when_inconclusive,
        spec.horizon_days, spec.horizon_days * 86400 > settings.duration_s,
    )  # fmt: skip


def judge_test(plan: AbPlan, champion: Measured, challenger: Measured, elapsed_s: float) -> AbReport:
    """Decide a test that is over.

    The interval is that of a difference of independent estimates with their own variances (Welch, 1938), at the normal
    quantile: it is looked at once, at a size that was fixed before, so that it needs no correction for looking often
    (Kohavi, Tang and Xu, 2020, "Trustworthy Online Controlled Experiments", chapter 17).
    """
    sides = f"{challenger.entities} and {champion.entities} entities of challenger and champion with known outcomes"
    values = (champion.value, challenger.value, champion.standard_error, challenger.standard_error)
    if min(champion.entities, challenger.entities) < _FEWEST or None in values:
        late = f"; outcomes are known after {plan.outcomes_after_days} days" if plan.are_outcomes_late else ""
        reason = f"{plan.metric_name}: too few to compare: {sides}{late}"
        return AbReport(
            plan.when_inconclusive, "inconclusive", reason, None, None, None, champion, challenger, elapsed_s
        )
    before, now, *errors = (value or 0.0 for value in values)
    difference, reach = now - before, NormalDist().inv_cdf((1 + plan.confidence) / 2) * hypot(*errors)
    low, high = difference - reach, difference + reach
    finding: Literal["better", "worse", "inconclusive"] = "inconclusive"
    decision: Outcome = plan.when_inconclusive
    if low > plan.min_difference:
        finding, decision = "better", "promote"
    elif high < min(plan.min_difference, 0.0):
        finding, decision = "worse", "restore"
    reason = (
        f"{plan.metric_name} {now:.4g} against the champion's {before:.4g}: {difference:+.4g} ({plan.confidence:.0%} "
        f"interval {low:+.4g} to {high:+.4g}); more than {plan.min_difference:+.4g} was asked for ({sides})"
    )
    return AbReport(decision, finding, reason, difference, low, high, champion, challenger, elapsed_s)


def judge_safety(judged: CanaryDecision, elapsed_s: float, criteria: CanaryCriteria) -> str | None:
    """What harm the judge of canaries has shown, in words, or None; failed answers at once, all else after a while."""
    failed = tuple(
        check
        for check in judged.checks
        if (check.has_failed and check.name in SAFETY_CHECKS) or (not check.is_passed and check.name in SPLIT_CHECKS)
    )
    if elapsed_s < criteria.min_interval_s:
        failed = tuple(check for check in failed if check.name in URGENT_CHECKS)
    return list_failures(failed) or None


def look_at_test(
    uri: str,
    spec: ModelSpec,
    version: int,
    wanted: AbPlan,
    settings: AbTestSettings,
    criteria: CanaryCriteria,
    gains: Mapping[str, float],
    read_contract: ReadContract,
    run: DeploymentRun,
) -> Mapping[str, Any] | None:
    """Register a test, begin it or go on with it, look once, and end it when it is over.

    Done again after its end, by the same run, it tells the same. What counts is the plan that the run has registered,
    whatever the settings say meanwhile.

    Args:
        wanted: what is registered where nothing is yet.

    Returns:
        ``decision``, ``reason`` and the rest of the report; None while it goes on.

    Raises:
        RolloutError: it was rolled back, because harm was shown or by somebody else; or another challenger is there.
        WarehouseError: the warehouse is away.
    """
    name = spec.name
    with open_session(uri) as session:
        ended = read_run_event(session, name, run, ENDED)
        if ended is not None:
            return ended.detail
        plan = _register(session, name, version, wanted, run)
        # Before the first entity is sent anywhere.
        session.commit()
        state = _begin(session, name, version, plan, settings, run)
        began_at, watched_at = (
            _read_beginning(session, state, *events)
            for events in (("ab_test_started",), ("ab_test_started", "resumed"))
        )
        elapsed_s = float(session.fetch_value("select extract(epoch from now() - %s)", (began_at,)))
        watched_s = float(session.fetch_value("select extract(epoch from now() - %s)", (watched_at,)))
    with open_session(uri) as session:
        harm = judge_safety(_judge(session, state, plan, criteria, watched_at), watched_s, criteria)
        if harm is not None:
            roll_back(session, state, harm, run)
            session.commit()
            raise RolloutError(f"Candidate {version} was rolled back in its A/B test: {harm}")
        versions: dict[Side, int] = {"champion": state.champion_version, "challenger": version}
        counts = count_outcomes(session, spec, versions, began_at)
        if min(counts.values()) < plan.size and elapsed_s < plan.duration_s:
            renew_lease(session, state, settings.lease_s)
            return None
        contracts = {side: read_contract(number) for side, number in versions.items()}
        measured = measure_outcomes(session, spec, contracts, versions, began_at, plan.metric, gains)
        return _end(session, state, judge_test(plan, measured["champion"], measured["challenger"], elapsed_s), run)


def _register(session: Session, model_name: str, version: int, wanted: AbPlan, run: DeploymentRun) -> AbPlan:
    """The plan that the run has registered; the one that is wanted, once it is.

    Whoever takes a running test over takes its plan over, too: a new one would be made with its answers at hand.
    """
    found, state = read_run_event(session, model_name, run, REGISTERED), require_rollout(session, model_name)
    if (state.stage, state.challenger_version) == ("ab_test", version):
        found = read_last_event(session, model_name, REGISTERED)
    if found is not None:
        return AbPlan(**found.detail["plan"])
    append_event(
        session, model_name, REGISTERED, champion_version=state.champion_version,
        challenger_version=state.challenger_version, challenger_weight=state.challenger_weight,
        detail={"plan": asdict(wanted), "version": version, **describe_run(run)},
    )  # fmt: skip
    return wanted


def _begin(
    session: Session, name: str, version: int, plan: AbPlan, settings: AbTestSettings, run: DeploymentRun
) -> RolloutState:
    ended = begin_challenge(session, name, version, plan.share, settings.lease_s, run, "ab_test")
    if ended is not None:
        raise RolloutError(f"The A/B test of candidate {version} was ended: {describe_end(ended)}")
    state = require_rollout(session, name)
    if state.lease_left_s <= 0:
        note_resumption(session, state)
    return set_weight(session, state, plan.share, settings.lease_s)


def _read_beginning(session: Session, state: RolloutState, *events: str) -> datetime:
    event = read_last_event(session, state.model_name, *events)
    if event is None:
        raise RolloutError(f"The A/B test of {state.model_name!r} has no event {events[0]}: roll it back.")
    return event.at


def _judge(
    session: Session, state: RolloutState, plan: AbPlan, criteria: CanaryCriteria, since: datetime
) -> CanaryDecision:
    champion = read_stats(session, state.model_name, "champion", state.champion_version, since)
    challenger = read_stats(session, state.model_name, "challenger", state.challenger_version or 0, since)
    step = StepPlan(plan.share, is_final=False, alpha=criteria.wrong_rollback_max)
    return judge_canary(champion, challenger, criteria, step)


def _end(session: Session, state: RolloutState, report: AbReport, run: DeploymentRun) -> Mapping[str, Any]:
    """Keep the report; a challenger that is not promoted goes in the same transaction."""
    told = asdict(report)
    append_event(
        session, state.model_name, ENDED, champion_version=state.champion_version,
        challenger_version=state.challenger_version, challenger_weight=state.challenger_weight,
        detail={**told, **describe_run(run)},
    )  # fmt: skip
    if report.decision == "restore":
        roll_back(session, state, f"A/B test {report.finding}: {report.reason}", run)
    return told
