"""One row per model, changed by compare-and-set, every change on record."""

from __future__ import annotations

import pytest

from include.errors import RolloutError
from include.rollout.events import read_former_champions, read_last_event
from include.rollout.orphans import end_orphaned_canaries
from include.rollout.state import (
    LEASE_S,
    RolloutState,
    bootstrap_champion,
    promote_challenger,
    read_rollout,
    renew_lease,
    require_rollout,
    restore_champion,
    roll_back,
    set_weight,
    start_canary,
)
from include.warehouse.session import Session, open_session
from include.warehouse.trace import trace_tables

MODEL = "machine_failure"
OTHER = "part_units"


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
        state = promote_challenger(session, state, 2)
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
        state = promote_challenger(session, begin(session), 2)
        state = restore_champion(session, start_canary(session, state, 3, 0.1), 1, "complaints")
        assert (state.stage, state.champion_version, state.challenger_version) == ("idle", 1, None)
        event = read_last_event(session, MODEL)
        assert event is not None
        assert (event.event, event.detail["previous_champion_version"]) == ("restored", 2)


def test_a_version_that_was_never_champion_cannot_be_restored(warehouse_uri: str) -> None:
    # given champions 1 and 2, version 3 in a canary that was rolled back, and champion 9 of another model
    with open_session(warehouse_uri) as session:
        state = promote_challenger(session, begin(session), 2)
        state = roll_back(session, start_canary(session, state, 3, 0.1), "slow")
        bootstrap_champion(session, OTHER, 9)

    for version in (3, 9, 77):
        refused = pytest.raises(RolloutError, match=r"never champion.* the versions that can be: 1\. .*approval")
        with refused, open_session(warehouse_uri) as session:
            restore_champion(session, state, version, "by hand")

    with open_session(warehouse_uri) as session:
        assert require_rollout(session, MODEL) == state
        assert list_events(session)[-1] == "bootstrapped"


def test_a_first_champion_has_nothing_to_be_restored(warehouse_uri: str) -> None:
    with pytest.raises(RolloutError, match="the versions that can be: none"), open_session(warehouse_uri) as session:
        restore_champion(session, begin(session), 2, "by hand")


def test_a_restored_champion_can_be_left_and_restored_again(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        state = restore_champion(session, promote_challenger(session, begin(session), 2), 1, "wrong")
        state = restore_champion(session, state, 2, "right after all")
        assert restore_champion(session, state, 1, "wrong").champion_version == 1
        assert read_former_champions(session, MODEL) == [1, 2]


def test_two_models_are_promoted_at_the_same_moment(warehouse_uri: str) -> None:
    # given a canary of each
    with open_session(warehouse_uri) as session:
        first = begin(session)
        second = start_canary(session, bootstrap_champion(session, OTHER, 1), 2, 0.05)

    # when the second is promoted while the first is not committed yet
    with open_session(warehouse_uri) as session:
        promote_challenger(session, first, 2)
        with open_session(warehouse_uri) as other:
            other.execute("set local lock_timeout = '10s'")
            promote_challenger(other, second, 2)

    with open_session(warehouse_uri) as session:
        assert [require_rollout(session, name).champion_version for name in (MODEL, OTHER)] == [2, 2]


def test_the_canary_of_a_model_that_is_declared_no_longer_is_ended(warehouse_uri: str) -> None:
    # given canaries of a declared model and of two others, and one that has none
    with open_session(warehouse_uri) as session:
        begin(session)
        for name in (OTHER, "gone"):
            start_canary(session, bootstrap_champion(session, name, 4), 5, 0.25)
        bootstrap_champion(session, "idle", 6)

    with open_session(warehouse_uri) as session:
        assert end_orphaned_canaries(session, [MODEL]) == ["gone", OTHER]
        assert end_orphaned_canaries(session, [MODEL]) == []

    with open_session(warehouse_uri) as session:
        assert require_rollout(session, MODEL).stage == "canary"
        ended = require_rollout(session, "gone")
        assert (ended.stage, ended.champion_version, ended.challenger_weight) == ("idle", 4, 0.0)
        event = read_last_event(session, "gone")
        assert event is not None
        assert event.event == "rolled_back"
        assert event.detail == {"reason": "the model is declared no longer", "rolled_back_version": 5}
        last = read_last_event(session, "idle")
        assert last is not None
        assert last.event == "bootstrapped"


def test_everything_done_twice_is_done_once(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        bootstrap_champion(session, MODEL, 1)
        state = begin(session)
        assert start_canary(session, state, 2, 0.05) == state
        state = set_weight(session, state, 0.5)
        assert set_weight(session, state, 0.5) == state
        # A canary that is started again goes on where it was.
        assert start_canary(session, state, 2, 0.05).challenger_weight == 0.5
        state = promote_challenger(session, state, 2)
        assert promote_challenger(session, state, 2) == state
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
        promote_challenger(second, seen, 2)
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
        (lambda session, state: promote_challenger(session, roll_back(session, state, "slow"), 2), "no challenger"),
        (lambda session, state: promote_challenger(session, state, 3), "is version 2, not 3"),
        (
            lambda session, state: promote_challenger(session, promote_challenger(session, state, 2), 3),
            "no challenger",
        ),
        (lambda session, state: restore_champion(session, state, 2, "a try"), "never champion"),
    ],
)  # fmt: skip
def test_a_step_that_the_state_does_not_allow_is_refused(warehouse_uri: str, change: object, message: str) -> None:
    with pytest.raises(RolloutError, match=message), open_session(warehouse_uri) as session:
        change(session, begin(session))  # type: ignore[operator]


def test_changes_are_seen_by_lineage(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session, trace_tables() as trace:
        promote_challenger(session, begin(session), 2)
        promote_challenger(session, require_rollout(session, MODEL), 2)
    assert {str(table) for table in trace.writes} == {"serving.rollouts", "serving.rollout_events"}
    assert {str(table) for table in trace.reads} == {"serving.rollouts", "serving.rollout_events"}


def test_a_canary_that_nobody_has_watched_for_an_hour_is_ended(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        state = begin(session)
        renew_lease(session, state, -3500.0)
        assert end_orphaned_canaries(session, [MODEL]) == []
        renew_lease(session, state, -3700.0)
        assert end_orphaned_canaries(session, [MODEL]) == [MODEL]
        ended = read_last_event(session, MODEL)
    assert ended is not None
    assert ended.detail == {"reason": "nobody has watched it for an hour", "rolled_back_version": 2}


def test_a_lease_is_renewed_for_the_row_that_was_read_alone(warehouse_uri: str) -> None:
    with open_session(warehouse_uri) as session:
        state = begin(session)
        assert 0 < state.lease_left_s <= LEASE_S
        assert renew_lease(session, state, 600.0).lease_left_s == pytest.approx(600, abs=60)
        changed = set_weight(session, state, 0.5, 5.0)
        assert changed.lease_left_s <= 5
        with pytest.raises(RolloutError, match="'lease_renewed' was decided on row version 2"):
            renew_lease(session, state, 600.0)
