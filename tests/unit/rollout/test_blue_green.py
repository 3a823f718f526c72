"""A switch gives all traffic to the candidate at once, and takes it back in one step."""

from __future__ import annotations

from typing import Any

import pytest

from include.errors import RolloutError
from include.rollout.begin import begin_challenge, describe_end
from include.rollout.blue_green import plan_switch
from include.rollout.canary import run_canary_step
from include.rollout.judge import CanaryDecision
from include.rollout.runs import DeploymentRun
from include.rollout.state import RolloutState, bootstrap_champion, require_rollout, restore_champion
from include.settings.rollout import CanarySettings, RolloutSettings
from include.warehouse.session import open_session
from tests.unit.rollout.killed_controller import AFTER, kill_controller
from tests.unit.rollout.shared_settings import load_rollout
from tests.unit.rollout.test_canary import MODEL, log_answers

RUN = DeploymentRun("scheduled__1", "blue_green")
BLUE_GREEN = {"watch_s": 0.3, "max_wait_s": 1.5, "compare_s": 3600.0}
SETTINGS: RolloutSettings = load_rollout(
    "development",
    {"blue_green": BLUE_GREEN, "canary": {"lease_s": 20, "criteria": {"poll_interval_s": 0.05, "min_samples": 20}}},
)
PLAN: CanarySettings = plan_switch(SETTINGS)


@pytest.fixture
def blue_uri(warehouse_uri: str) -> str:
    """Version 1 is the champion, and has answered."""
    with open_session(warehouse_uri) as session:
        bootstrap_champion(session, MODEL, 1)
    log_answers(warehouse_uri, "champion", 1, 200)
    return warehouse_uri


def switch(uri: str, run: DeploymentRun = RUN, version: int = 2) -> str | None:
    """Begin; what has ended it before, if anything has."""
    with open_session(uri) as session:
        ended = begin_challenge(session, MODEL, version, 1.0, PLAN.lease_s, run, "blue_green")
    return None if ended is None else describe_end(ended)


def watch(uri: str, *arguments: Any) -> CanaryDecision:
    """Until it is decided."""
    decision = run_canary_step(uri, MODEL, 1.0, PLAN, *arguments, run=RUN, compare_s=BLUE_GREEN["compare_s"])
    assert decision is not None
    return decision


def read_state(uri: str) -> RolloutState:
    with open_session(uri) as session:
        return require_rollout(session, MODEL)


def list_events(uri: str) -> list[str]:
    with open_session(uri) as session:
        return [row["event"] for row in session.fetch_all("select event from serving.rollout_events order by id")]


def test_the_plan_is_one_step_with_its_own_times() -> None:
    assert (PLAN.steps, PLAN.criteria.min_interval_s, PLAN.criteria.max_wait_s) == ((1.0,), 0.3, 1.5)
    assert PLAN.criteria.latency_ratio_max == SETTINGS.canary.criteria.latency_ratio_max


def test_a_good_version_takes_everything_and_keeps_it(blue_uri: str) -> None:
    assert switch(blue_uri) is None
    state = read_state(blue_uri)
    assert (state.stage, state.champion_version, state.challenger_version) == ("blue_green", 1, 2)
    assert (state.challenger_weight, state.lease_left_s > 0) == (1.0, True)
    decision = watch(blue_uri, lambda _: log_answers(blue_uri, "challenger", 2, 10))
    assert decision.action == "proceed", decision.reason
    assert {check.name for check in decision.checks} >= {"latency_ratio", "error_rate_increase", "prediction_shift"}
    assert read_state(blue_uri).challenger_weight == 1.0


def test_a_bad_version_gives_everything_back_at_once(blue_uri: str) -> None:
    assert switch(blue_uri) is None
    decision = watch(blue_uri, lambda _: log_answers(blue_uri, "challenger", 2, 40, errors=30))
    assert decision.action == "roll_back"
    state = read_state(blue_uri)
    assert (state.stage, state.champion_version, state.challenger_version) == ("idle", 1, None)
    # The task that is tried again tells it again, and begins nothing.
    assert "success_rate" in (switch(blue_uri) or "")
    assert list_events(blue_uri) == ["bootstrapped", "blue_green_started", "rolled_back"]


def test_it_is_compared_with_the_champion_before_the_switch(blue_uri: str) -> None:
    with open_session(blue_uri) as session:
        session.execute("update serving.inference_log set prediction = 0.9 - mod(id, 10) * 0.001")
    assert switch(blue_uri) is None
    decision = watch(blue_uri, lambda _: log_answers(blue_uri, "challenger", 2, 40))
    assert decision.action == "roll_back"
    assert "prediction_shift" in decision.reason


def test_without_traffic_it_goes_back(blue_uri: str) -> None:
    assert switch(blue_uri) is None
    assert "inconclusive" in watch(blue_uri).reason
    assert read_state(blue_uri).stage == "idle"


def test_a_rollback_by_a_person_ends_it(blue_uri: str) -> None:
    assert switch(blue_uri) is None
    with open_session(blue_uri) as session:
        state = restore_champion(session, require_rollout(session, MODEL), 1, "by hand")
    assert (state.stage, state.champion_version) == ("idle", 1)
    assert "by hand" in watch(blue_uri).reason
    assert switch(blue_uri) == "by hand"


def test_of_two_deployments_the_second_leaves_the_first_alone(blue_uri: str) -> None:
    assert switch(blue_uri) is None
    with pytest.raises(RolloutError, match="has a blue-green switch of version 2 already"):
        switch(blue_uri, DeploymentRun("scheduled__2", "blue_green"), 3)
    # One of the same version watches it, too, and does not begin it again after its end.
    other = DeploymentRun("manual__3", "blue_green")
    assert switch(blue_uri, other) is None
    watch(blue_uri, lambda _: log_answers(blue_uri, "challenger", 2, 40, errors=30))
    assert "success_rate" in (switch(blue_uri, other) or "")
    assert list_events(blue_uri) == ["bootstrapped", "blue_green_started", "taken_over", "rolled_back"]


def kill_at(uri: str, moment: str, code: str) -> None:
    """What a task does, killed with SIGKILL."""
    kill_controller(f"from tests.unit.rollout.test_blue_green import *\n{code}\n", moment, uri)


@pytest.mark.parametrize("moment", ["blue_green_started", AFTER])
def test_a_controller_that_is_killed_at_the_switch_goes_on(blue_uri: str, moment: str) -> None:
    kill_at(blue_uri, moment, "switch(uri)")
    assert read_state(blue_uri).stage == ("blue_green" if moment == AFTER else "idle")
    assert switch(blue_uri) is None
    assert list_events(blue_uri) == ["bootstrapped", "blue_green_started"]
    assert watch(blue_uri, lambda _: log_answers(blue_uri, "challenger", 2, 10)).action == "proceed"


@pytest.mark.parametrize("moment", ["rolled_back", AFTER])
def test_a_controller_that_is_killed_while_it_goes_back_does_so_once(blue_uri: str, moment: str) -> None:
    assert switch(blue_uri) is None
    log_answers(blue_uri, "challenger", 2, 400, errors=300)
    kill_at(blue_uri, moment, "watch(uri)")
    assert read_state(blue_uri).stage == ("idle" if moment == AFTER else "blue_green")
    assert watch(blue_uri).action == "roll_back"
    assert list_events(blue_uri) == ["bootstrapped", "blue_green_started", "rolled_back"]
