"""One row per model, changed by compare-and-set, every change on record."""

from __future__ import annotations

import pytest

from include.errors import RolloutError
from include.rollout.events import read_last_event
from include.rollout.state import (
    RolloutState,
    bootstrap_champion,
    promote_challenger,
    read_rollout,
    require_rollout,
    restore_champion,
    roll_back,
    set_weight,
    start_canary,
)
from include.warehouse.session import Session, open_session
from include.warehouse.trace import trace_tables

MODEL = "churn"


def list_events(session: Session) -> list[str]:
    """The names of all events, in order."""
    rows = session.fetch_all("select event from serving.rollout_events order by id")
    return [row["event"] for row in rows]


def begin(session: Session) -> RolloutState:
    """Champion 1 and a canary of version 2 at 5 %."""
    return start_canary(session, bootstrap_champion(session, MODEL, 1), 2, 0.05)


def test_a_model_without_a_champion_has_no_rollout(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        assert read_rollout(session, MODEL) is None
        with pytest.raises(RolloutError, match="no champion yet"):
            require_rollout(session, MODEL)


def test_a_version_goes_from_canary_to_champion(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        state = begin(session)
        assert (state.stage, state.challenger_version, state.challenger_weight) == ("canary", 2, 0.05)
        state = set_weight(session, state, 0.5)
        assert state.challenger_weight == 0.5
        state = promote_challenger(session, state)
        assert (state.stage, state.champion_version, state.challenger_version) == ("idle", 2, None)
        assert (state.challenger_weight, state.row_version) == (0.0, 4)
        assert read_rollout(session, MODEL) == state
        assert list_events(session) == ["bootstrapped", "canary_started", "weight_set", "promoted"]
        promoted = read_last_event(session, MODEL)
        assert promoted is not None
        assert promoted.detail == {"previous_champion_version": 1}


def test_a_rollback_leaves_the_champion_and_keeps_the_reason(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        state = roll_back(session, begin(session), "error rate 40 %")
        assert (state.stage, state.champion_version, state.challenger_version) == ("idle", 1, None)
        event = read_last_event(session, MODEL, "rolled_back")
        assert event is not None
        assert event.detail == {"reason": "error rate 40 %", "rolled_back_version": 2}


def test_an_earlier_version_is_restored_in_the_middle_of_a_canary(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        state = promote_challenger(session, begin(session))
        state = restore_champion(session, start_canary(session, state, 3, 0.1), 1, "complaints")
        assert (state.stage, state.champion_version, state.challenger_version) == ("idle", 1, None)
        event = read_last_event(session, MODEL)
        assert event is not None
        assert (event.event, event.detail["previous_champion_version"]) == ("restored", 2)


def test_everything_done_twice_is_done_once(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        bootstrap_champion(session, MODEL, 1)
        state = begin(session)
        assert start_canary(session, state, 2, 0.05) == state
        state = set_weight(session, state, 0.5)
        assert set_weight(session, state, 0.5) == state
        # A canary that is started again goes on where it was.
        assert start_canary(session, state, 2, 0.05).challenger_weight == 0.5
        state = promote_challenger(session, state)
        assert promote_challenger(session, state) == state
        state = roll_back(session, start_canary(session, state, 3, 0.1), "slow")
        assert roll_back(session, state, "slow") == state
        assert restore_champion(session, state, 2, "none") == state
        assert list_events(session) == [
            "bootstrapped",
            "canary_started",
            "weight_set",
            "promoted",
            "canary_started",
            "rolled_back",
        ]


def test_of_two_changes_on_the_same_row_the_later_one_loses(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        seen = begin(session)
    with open_session(warehouse_uri) as first:
        set_weight(first, seen, 0.25)
    with pytest.raises(RolloutError) as conflict, open_session(warehouse_uri) as second:
        promote_challenger(second, seen)
    assert "row version 2" in str(conflict.value)
    assert "row version 3" in str(conflict.value)
    assert "champion 1, challenger 2 at 25%" in str(conflict.value)
    with open_session(warehouse_uri) as session:
        state = require_rollout(session, MODEL)
        assert (state.champion_version, state.challenger_weight) == (1, 0.25)
        assert list_events(session) == ["bootstrapped", "canary_started", "weight_set"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda session, state: start_canary(session, state, 3, 0.1), "canary of version 2 already"),
        (lambda session, state: set_weight(session, state, 0.0), "no share of traffic"),
        (lambda session, state: set_weight(session, state, 1.5), "no share of traffic"),
        (lambda session, state: bootstrap_champion(session, MODEL, 2), "already has champion version 1"),
        (
            lambda session, state: start_canary(session, roll_back(session, state, "slow"), 1, 0.1),
            "is the champion",
        ),
        (lambda session, state: set_weight(session, roll_back(session, state, "slow"), 0.5), "no canary"),
        (lambda session, state: promote_challenger(session, roll_back(session, state, "slow")), "no challenger"),
    ],
)  # fmt: skip
def test_a_step_that_the_state_does_not_allow_is_refused(warehouse_uri: str, change: object, message: str) -> None:
    with pytest.raises(RolloutError, match=message), open_session(warehouse_uri) as session:
        change(session, begin(session))  # type: ignore[operator]


def test_changes_are_seen_by_lineage(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session, trace_tables() as trace:
        promote_challenger(session, begin(session))
        promote_challenger(session, require_rollout(session, MODEL))
    assert {str(table) for table in trace.writes} == {"serving.rollouts", "serving.rollout_events"}
    assert {str(table) for table in trace.reads} == {"serving.rollouts", "serving.rollout_events"}
