"""One step of a canary: give the challenger its share, watch, and act on the judge's decision."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from include.errors import RolloutError, WarehouseError
from include.rollout.check import Check
from include.rollout.events import read_last_event
from include.rollout.judge import URGENT_CHECKS, CanaryDecision, StepPlan, judge_canary, plan_step
from include.rollout.state import RolloutState, renew_lease, require_rollout, roll_back, set_weight
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
    return settings.canary.steps if settings.strategy == "canary" else ()


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
        reason = f"inconclusive after {elapsed_s:.0f} s: too few entities answered to judge; is there traffic?"
        timeout = Check("max_wait", False, round(elapsed_s, 1), criteria.max_wait_s, reason)
        return CanaryDecision("roll_back", (*judged.checks, timeout))
    return judged


def run_canary_step(
    uri: str,
    model_name: str,
    weight: float,
    settings: CanarySettings,
    on_progress: Callable[[StepStatus], None] | None = None,
) -> CanaryDecision:
    """Give the challenger the share ``weight`` and watch it until the step is decided.

    A challenger that must go is rolled back here, before this returns. A run that was killed is
    continued: the step's age counts from when its weight was first set, and a rollback that was done
    already is reported again. While the warehouse is away the step waits for it, up to ``max_wait_s``; the challenger's
    lease runs out meanwhile, so that nobody is sent to what nobody watches.

    Returns:
        a decision whose action is ``proceed`` or ``roll_back``, never ``wait``.

    Raises:
        RolloutError: no canary runs, or another run changed the rollout meanwhile.
        WarehouseError: the warehouse is away for longer than ``max_wait_s``.
    """
    criteria, plan = settings.criteria, plan_step(weight, settings.steps, settings.criteria.wrong_rollback_max)
    with open_session(uri) as session:
        state = require_rollout(session, model_name)
        if state.stage == "idle":
            return _report_rollback(session, state)
        state = set_weight(session, state, weight, settings.lease_s)
    seen_at = time.monotonic()
    while True:
        try:
            status = _observe(uri, state, settings, plan)
        except WarehouseError as error:
            if time.monotonic() - seen_at > criteria.max_wait_s:
                raise
            log.warning("The canary of %s cannot be watched, its lease runs out: %s", model_name, error)
            time.sleep(criteria.poll_interval_s)
            continue
        seen_at = time.monotonic()
        if on_progress is not None:
            on_progress(status)
        if status.decision.action == "roll_back":
            with open_session(uri) as session:
                roll_back(session, state, status.decision.reason)
        if status.decision.action != "wait":
            return status.decision
        time.sleep(criteria.poll_interval_s)


def _observe(uri: str, state: RolloutState, settings: CanarySettings, plan: StepPlan) -> StepStatus:
    criteria = settings.criteria
    with open_session(uri) as session:
        _check_unchanged(require_rollout(session, state.model_name), state)
        renew_lease(session, state, settings.lease_s)
        step_began_at = _read_began_at(session, state, "canary_started", "weight_set")
        elapsed_s = float(session.fetch_value("select extract(epoch from now() - %s)", (step_began_at,)))
        champion, challenger = _read_both(session, state, step_began_at, criteria.min_samples)
    decision = decide_step(judge_canary(champion, challenger, criteria, plan), elapsed_s, criteria)
    return StepStatus(state.challenger_weight, elapsed_s, champion, challenger, decision)


def _read_both(
    session: Session, state: RolloutState, since: datetime, min_samples: int
) -> tuple[VariantStats, VariantStats]:
    """Both variants since the step began; a champion starved of traffic, since the canary began."""
    name = state.model_name
    champion = read_stats(session, name, "champion", state.champion_version, since)
    if champion.samples < min_samples:
        canary_began_at = _read_began_at(session, state, "canary_started")
        # Whoever goes to the challenger now went to the champion before.
        until = since if state.challenger_weight >= 1 else None
        champion = read_stats(session, name, "champion", state.champion_version, canary_began_at, until)
    challenger = read_stats(session, name, "challenger", state.challenger_version or 0, since)
    return champion, challenger


def _read_began_at(session: Session, state: RolloutState, *events: str) -> datetime:
    event = read_last_event(session, state.model_name, *events)
    if event is None:
        raise RolloutError(
            f"The canary of {state.model_name!r} has no event {' or '.join(events)}: serving.rollouts was "
            "changed by hand. Roll the canary back and start it again."
        )
    return event.at


def _check_unchanged(found: RolloutState, expected: RolloutState) -> None:
    if found.row_version != expected.row_version:
        raise RolloutError(
            f"The rollout of {expected.model_name!r} was changed during a canary step: row version "
            f"{expected.row_version} was set, {found.row_version} was found (stage {found.stage!r}). "
            "The step ends without a decision; look at serving.rollout_events for who changed it."
        )


def _report_rollback(session: Session, state: RolloutState) -> CanaryDecision:
    """The rollback that ended the canary, told again to a run that is repeated."""
    last = read_last_event(session, state.model_name)
    if last is None or last.event not in ("rolled_back", "restored"):
        raise RolloutError(f"Model {state.model_name!r} has no canary. Start one before its first step.")
    reason = str(last.detail.get("reason", "rolled back"))
    return CanaryDecision("roll_back", (Check("rolled_back_before", False, None, None, reason),))
