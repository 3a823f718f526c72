"""One step of a canary: give the challenger its share, watch, and act on the judge's decision."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from include.errors import RolloutError, WarehouseError
from include.rollout.check import Check
from include.rollout.events import read_last_event
from include.rollout.judge import MAX_WAIT, URGENT_CHECKS, CanaryDecision, judge_canary, plan_step
from include.rollout.runs import DeploymentRun
from include.rollout.state import RolloutState, note_resumption, renew_lease, require_rollout, roll_back, set_weight
from include.rollout.stats import VariantStats, read_stats
from include.settings.rollout import CanaryCriteria, CanarySettings, RolloutSettings
from include.warehouse.session import Session, open_session

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StepStatus:
    """What was observed of a running step; ``elapsed_s`` counts from the moment the weight was set."""

    weight: float
    elapsed_s: float
    champion: VariantStats
    challenger: VariantStats
    decision: CanaryDecision


def plan_steps(settings: RolloutSettings) -> tuple[float, ...]:
    """The shares of traffic that a canary goes through, in order; the last is 1.0. None without a canary."""
    return settings.canary.steps if settings.strategy in ("canary", "shadow") else ()


def decide_step(judged: CanaryDecision, elapsed_s: float, criteria: CanaryCriteria) -> CanaryDecision:
    """What to do now, given the judge's decision and the age of the step.

    Failed answers roll back at once. Whatever else, good or bad, waits for ``min_interval_s``: a second
    of hiccup is a large share of the first seconds, and a small one of the whole step. A step that is
    still without enough samples at ``max_wait_s`` is inconclusive and rolled back.
    """
    is_failing = any(check.has_failed and check.name in URGENT_CHECKS for check in judged.checks)
    if elapsed_s < criteria.min_interval_s and not is_failing:
        return CanaryDecision("wait", judged.checks)
    if judged.action == "wait" and elapsed_s >= criteria.max_wait_s:
        reason = f"inconclusive after {elapsed_s:.0f} s"
        timeout = Check(MAX_WAIT, False, round(elapsed_s, 1), criteria.max_wait_s, reason)
        return CanaryDecision("roll_back", (*judged.checks, timeout))
    return judged


def run_canary_step(
    uri: str,
    model_name: str,
    weight: float,
    settings: CanarySettings,
    on_progress: Callable[[StepStatus], None] | None = None,
    held_s: float = math.inf,
    run: DeploymentRun | None = None,
    compare_s: float = 0.0,
) -> CanaryDecision | None:
    """Give the challenger the share ``weight`` and watch it until the step is decided, or for ``held_s``.

    A challenger that must go is rolled back here, before this returns. It may be called again, also after a run that
    was killed: the step's age counts from when its weight was first set, and a rollback that was done already is
    reported again. While the warehouse is away nothing is decided, and the challenger's lease runs out, so that nobody
    is sent to what nobody watches.

    Args:
        compare_s: the champion's figures are those of so long before the step; 0 for those beside it.

    Returns:
        a decision whose action is ``proceed`` or ``roll_back``; None after ``held_s`` without one.

    Raises:
        RolloutError: no canary runs, or another run changed the rollout meanwhile.
    """
    ends_at = time.monotonic() + held_s
    while True:
        try:
            status = look_at_step(uri, model_name, weight, settings, run, compare_s)
        except WarehouseError as error:
            log.warning("The canary of %s cannot be watched, its lease runs out: %s", model_name, error)
        else:
            if on_progress is not None:
                on_progress(status)
            if status.decision.action != "wait":
                return status.decision
        poll_s = settings.criteria.poll_interval_s
        if time.monotonic() + poll_s > ends_at:
            return None
        time.sleep(poll_s)


def look_at_step(
    uri: str, model_name: str, weight: float, settings: CanarySettings, run: DeploymentRun | None = None,
    compare_s: float = 0.0,
) -> StepStatus:  # fmt: skip
    """Look once at a step, with its share set and its lease renewed; a challenger that must go is rolled back.

    Raises:
        RolloutError: no canary runs, or another run changed the rollout meanwhile.
        WarehouseError: the warehouse is away.
    """
    criteria, plan = settings.criteria, plan_step(weight, settings.steps, settings.criteria.wrong_rollback_max)
    with open_session(uri) as session:
        state = require_rollout(session, model_name)
        if state.stage == "idle":
            return StepStatus(0.0, 0.0, VariantStats(0, 0), VariantStats(0, 0), _report_rollback(session, state))
        if state.challenger_weight == weight and state.lease_left_s <= 0:
            # What was answered before, and how long that took, says nothing of the time without a share.
            note_resumption(session, state)
        state = set_weight(session, state, weight, settings.lease_s)
        step_began_at = _read_began_at(session, state, f"{state.stage}_started", "weight_set", "resumed")
        elapsed_s = float(session.fetch_value("select extract(epoch from now() - %s)", (step_began_at,)))
    with open_session(uri) as session:
        champion, challenger = _read_both(session, state, step_began_at, criteria.min_samples, compare_s)
        decision = decide_step(judge_canary(champion, challenger, criteria, plan), elapsed_s, criteria)
        if decision.action == "roll_back":
            roll_back(session, state, decision.reason, run)
        else:
            # Reading a long step takes its time.
            renew_lease(session, state, settings.lease_s)
    return StepStatus(weight, elapsed_s, champion, challenger, decision)


def _read_both(
    session: Session, state: RolloutState, since: datetime, min_samples: int, compare_s: float
) -> tuple[VariantStats, VariantStats]:
    """Both variants since the step began; a champion starved of traffic, since the canary began, or before it did."""
    name = state.model_name
    challenger = read_stats(session, name, "challenger", state.challenger_version or 0, since)
    if compare_s > 0:
        before = since - timedelta(seconds=compare_s)
        return read_stats(session, name, "champion", state.champion_version, before, since), challenger
    champion = beside = read_stats(session, name, "champion", state.champion_version, since)
    if champion.samples < min_samples:
        canary_began_at = _read_began_at(session, state, f"{state.stage}_started")
        # Whoever goes to the challenger now went to the champion before.
        until = since if state.challenger_weight >= 1 else None
        champion = read_stats(session, name, "champion", state.champion_version, canary_began_at, until)
        # How entities were split is a question of this step alone.
        champion = replace(champion, looked_up=beside.looked_up, crossed=beside.crossed)
    return champion, challenger


def _read_began_at(session: Session, state: RolloutState, *events: str) -> datetime:
    event = read_last_event(session, state.model_name, *events)
    if event is None:
        raise RolloutError(
            f"The canary of {state.model_name!r} has no event {' or '.join(events)}: serving.rollouts was "
            "changed by hand. Roll the canary back and start it again."
        )
    return event.at


def _report_rollback(session: Session, state: RolloutState) -> CanaryDecision:
    """The rollback that ended the canary, told again to a run that is repeated."""
    last = read_last_event(session, state.model_name)
    if last is None or last.event not in ("rolled_back", "restored"):
        raise RolloutError(f"Model {state.model_name!r} has no canary. Start one before its first step.")
    reason = str(last.detail.get("reason", "rolled back"))
    return CanaryDecision("roll_back", (Check("rolled_back_before", False, None, None, reason),))
