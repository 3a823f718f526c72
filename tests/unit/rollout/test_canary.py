"""A step is decided once, on evidence, and a challenger that must go is gone."""

from __future__ import annotations

from typing import Any

import pytest

from include.errors import RolloutError
from include.rollout.canary import StepStatus, decide_step, plan_steps, run_canary_step
from include.rollout.check import Check
from include.rollout.events import read_last_event
from include.rollout.judge import CanaryDecision
from include.rollout.state import (
    bootstrap_champion,
    promote_challenger,
    renew_lease,
    require_rollout,
    restore_champion,
    roll_back,
    start_canary,
)
from include.settings.rollout import CanaryCriteria, CanarySettings
from include.warehouse.session import open_session
from tests.unit.rollout.shared_settings import load_rollout

MODEL = "machine_failure"
CRITERIA = CanaryCriteria(
    min_samples=20,
    min_interval_s=0.3,
    max_wait_s=300,
    poll_interval_s=0.05,
    wrong_rollback_max=0.1,
    success_rate_min=0.999,
    error_rate_increase_max=0.5,
    latency_p95_max_ms=100,
    latency_ratio_max=2.0,
    latency_floor_ms=10,
    prediction_shift_max=0.5,
    prediction_spread_ratio_max=20,
    class_shift_max=0.2,
)
SHORT = CRITERIA.model_copy(update={"max_wait_s": 1.5})
CANARY = CanarySettings(steps=(0.05, 0.25, 0.5, 1.0), lease_s=2.0, criteria=CRITERIA)
SHORT_CANARY = CANARY.model_copy(update={"criteria": SHORT})
PASSED = (Check("success_rate", True, 0.0, 0.001, "fine"),)
FAILED = (Check("success_rate", False, 0.5, 0.001, "bad"),)
SLOW = (Check("latency_p95", False, 150.0, 100.0, "slow"),)
FEW = (Check("challenger_samples", False, 3, 20, "few", is_clear=False),)


def log_answers(uri: str, variant: str, version: int, count: int, errors: int = 0) -> None:
    """Answers of this moment; the first ``errors`` of them failed."""
    with open_session(uri) as session:
        session.execute(
            "insert into serving.inference_log (at, request_id, model_name, model_version, variant, features, "
            "prediction, latency_ms, is_error, error) "
            "select clock_timestamp(), gen_random_uuid()::text, %s, %s, %s, '{}', "
            "case when n > %s then 0.3 end, 1.0, n <= %s, "
            "case when n <= %s then 'broke' end from generate_series(1, %s) as n",
            (MODEL, version, variant, errors, errors, errors, count),
        )


def watch_step(*arguments: Any) -> CanaryDecision:
    """A step until it is decided."""
    decision = run_canary_step(*arguments)
    assert decision is not None
    return decision


@pytest.fixture
def canary_uri(warehouse_uri: str) -> str:
    """Champion 1, and a canary of version 2 at 5 %."""
    with open_session(warehouse_uri) as session:
        start_canary(session, bootstrap_champion(session, MODEL, 1), 2, 0.05)
    return warehouse_uri


def test_the_steps_are_those_of_the_settings() -> None:
    settings = load_rollout("production", {"canary": {"steps": [0.1, 0.6, 1.0]}})
    assert plan_steps(settings) == (0.1, 0.6, 1.0)


@pytest.mark.parametrize(
    ("decision", "elapsed_s", "action"),
    [
        (CanaryDecision("proceed", PASSED), 0.29, "wait"),
        (CanaryDecision("proceed", PASSED), 0.3, "proceed"),
        (CanaryDecision("proceed", PASSED), 99.0, "proceed"),
        (CanaryDecision("roll_back", FAILED), 0.0, "roll_back"),
        (CanaryDecision("roll_back", SLOW), 0.29, "wait"),
        (CanaryDecision("roll_back", SLOW), 0.3, "roll_back"),
        (CanaryDecision("roll_back", (*SLOW, *FAILED)), 0.0, "roll_back"),
        (CanaryDecision("wait", FEW), 1.49, "wait"),
        (CanaryDecision("wait", FEW), 1.5, "roll_back"),
    ],
)
def test_a_step_waits_for_its_time_but_not_for_ever(decision: CanaryDecision, elapsed_s: float, action: str) -> None:
    assert decide_step(decision, elapsed_s, SHORT).action == action


def test_a_step_without_evidence_says_that_it_is_inconclusive() -> None:
    decided = decide_step(CanaryDecision("wait", FEW), 1.5, SHORT)
    assert decided.checks[-1].name == "max_wait"
    # What is open is the reason.
    assert decided.reason == "challenger_samples: few; max_wait: inconclusive after 2 s"


def test_a_good_challenger_keeps_its_share(canary_uri: str) -> None:
    log_answers(canary_uri, "champion", 1, 40)
    seen: list[StepStatus] = []

    def watch(progress: StepStatus) -> None:
        seen.append(progress)
        log_answers(canary_uri, "challenger", 2, 10)

    decision = watch_step(canary_uri, MODEL, 0.25, CANARY, watch)
    assert decision.action == "proceed"
    assert [progress.decision.action for progress in seen[:2]] == ["wait", "wait"]
    assert seen[-1].elapsed_s >= CRITERIA.min_interval_s
    assert seen[-1].challenger.samples >= 20
    with open_session(canary_uri) as session:
        state = require_rollout(session, MODEL)
    assert (state.stage, state.challenger_version, state.challenger_weight) == ("canary", 2, 0.25)


def test_a_bad_challenger_is_gone_before_the_step_returns(canary_uri: str) -> None:
    log_answers(canary_uri, "champion", 1, 40)
    decision = watch_step(
        canary_uri, MODEL, 0.25, CANARY, lambda _: log_answers(canary_uri, "challenger", 2, 10, errors=5)
    )
    assert decision.action == "roll_back"
    assert "success_rate" in decision.reason
    with open_session(canary_uri) as session:
        assert require_rollout(session, MODEL).stage == "idle"
    # A task that is run again tells the same story and changes nothing.
    again = watch_step(canary_uri, MODEL, 0.25, CANARY)
    assert again.action == "roll_back"
    assert decision.reason in again.reason


def test_no_traffic_is_rolled_back_as_inconclusive(canary_uri: str) -> None:
    log_answers(canary_uri, "champion", 1, 40)
    decision = watch_step(canary_uri, MODEL, 0.25, SHORT_CANARY)
    assert decision.action == "roll_back"
    assert "inconclusive" in decision.reason
    with open_session(canary_uri) as session:
        assert require_rollout(session, MODEL).stage == "idle"


def test_answers_of_an_earlier_step_prove_nothing_for_this_one(canary_uri: str) -> None:
    log_answers(canary_uri, "champion", 1, 40)
    log_answers(canary_uri, "challenger", 2, 500)
    assert watch_step(canary_uri, MODEL, 0.25, SHORT_CANARY).action == "roll_back"


def test_a_step_that_was_killed_goes_on_where_it_was(canary_uri: str) -> None:
    log_answers(canary_uri, "champion", 1, 40)

    class KilledError(Exception):
        pass

    def die(progress: StepStatus) -> None:
        log_answers(canary_uri, "challenger", 2, 30)
        raise KilledError

    with pytest.raises(KilledError):
        run_canary_step(canary_uri, MODEL, 0.25, CANARY, die)
    seen: list[StepStatus] = []
    assert watch_step(canary_uri, MODEL, 0.25, CANARY, seen.append).action == "proceed"
    assert seen[0].challenger.samples == 30


def test_the_last_step_compares_with_the_champion_before_it(canary_uri: str) -> None:
    log_answers(canary_uri, "champion", 1, 40)
    decision = watch_step(canary_uri, MODEL, 1.0, CANARY, lambda _: log_answers(canary_uri, "challenger", 2, 10))
    assert decision.action == "proceed"


def test_a_rollback_by_another_run_ends_the_step(canary_uri: str) -> None:
    def interfere(_: StepStatus) -> None:
        with open_session(canary_uri) as session:
            roll_back(session, require_rollout(session, MODEL), "by hand")

    decision = watch_step(canary_uri, MODEL, 0.25, CANARY, interfere)
    assert (decision.action, "by hand" in decision.reason) == ("roll_back", True)


def test_a_promotion_by_another_run_ends_the_step(canary_uri: str) -> None:
    def interfere(_: StepStatus) -> None:
        with open_session(canary_uri) as session:
            promote_challenger(session, require_rollout(session, MODEL), 2)

    with pytest.raises(RolloutError, match="has no canary"):
        run_canary_step(canary_uri, MODEL, 0.25, CANARY, interfere)


def test_a_step_whose_lease_had_run_out_begins_anew(canary_uri: str) -> None:
    log_answers(canary_uri, "champion", 1, 40)
    assert run_canary_step(canary_uri, MODEL, 0.25, CANARY, held_s=0.2) is None
    log_answers(canary_uri, "challenger", 2, 500, errors=400)
    with open_session(canary_uri) as session:
        renew_lease(session, require_rollout(session, MODEL), -100.0)
    seen: list[StepStatus] = []

    def watch(status: StepStatus) -> None:
        seen.append(status)
        log_answers(canary_uri, "champion", 1, 20)
        log_answers(canary_uri, "challenger", 2, 20)

    assert watch_step(canary_uri, MODEL, 0.25, CANARY, watch).action == "proceed"
    assert (seen[0].challenger.samples, seen[0].elapsed_s < 50) == (0, True)
    with open_session(canary_uri) as session:
        resumed = read_last_event(session, MODEL)
    assert resumed is not None
    assert (resumed.event, resumed.challenger_weight) == ("resumed", 0.25)
    assert resumed.detail["unwatched_s"] >= 100


def test_a_step_that_is_not_decided_in_time_is_taken_up_later(canary_uri: str) -> None:
    log_answers(canary_uri, "champion", 1, 40)
    assert run_canary_step(canary_uri, MODEL, 0.25, CANARY, held_s=0.2) is None
    with open_session(canary_uri) as session:
        state = require_rollout(session, MODEL)
    assert (state.stage, state.challenger_weight) == ("canary", 0.25)
    assert state.lease_left_s > 0
    log_answers(canary_uri, "challenger", 2, 30)
    later = run_canary_step(canary_uri, MODEL, 0.25, CANARY, held_s=30.0)
    assert later is not None
    assert later.action == "proceed"


def test_a_step_without_a_canary_is_refused(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        bootstrap_champion(session, MODEL, 1)
    with pytest.raises(RolloutError, match="no canary"):
        run_canary_step(warehouse_uri, MODEL, 0.25, CANARY)


def test_a_champion_that_was_restored_meanwhile_ends_the_canary(canary_uri: str) -> None:
    with open_session(canary_uri) as session:
        state = promote_challenger(session, require_rollout(session, MODEL), 2)
        restore_champion(session, start_canary(session, state, 3, 0.5), 1, "by hand")
    assert "by hand" in watch_step(canary_uri, MODEL, 0.25, CANARY).reason
