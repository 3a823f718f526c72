"""An A/B test is written down before it starts, ends for harm at any look, and is decided by outcomes once."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

import pytest

from include.errors import RolloutError, SettingsError
from include.registry.contract import ModelContract
from include.rollout.ab_outcomes import Measured, count_outcomes, measure_outcomes
from include.rollout.ab_test import AbPlan, judge_test, look_at_test, plan_test
from include.rollout.runs import DeploymentRun
from include.rollout.state import (
    RolloutState,
    bootstrap_champion,
    require_rollout,
    restore_champion,
    roll_back,
    start_canary,
)
from include.settings.rollout import AbTestSettings
from include.warehouse.session import Row, open_session
from tests.unit.rollout.killed_controller import AFTER, kill_controller
from tests.unit.rollout.shared_settings import load_rollout
from tests.unit.scoring.registered_models import CASES, MACHINE, TEST_DAY, ModelCase

RUN = DeploymentRun("scheduled__1", "ab_test")
SETTINGS: AbTestSettings = load_rollout("production").ab_test.model_copy(update={"size": 100, "lease_s": 600.0})
CRITERIA = load_rollout("development").canary.criteria.model_copy(update={"min_samples": 20, "min_interval_s": 0.001})
PLAN = plan_test(SETTINGS, MACHINE.spec, "auc")
GAINS = {"true_positive": 4.0, "false_positive": -1.0, "false_negative": 0.0, "true_negative": 0.0}

FAILED = "mod(n, 3) = 0"
# Better than chance by far, and no better than chance.
GOOD = f"case when {FAILED} then 0.7 else 0.3 end + mod(n, 7) * 0.02"
POOR = "mod(n * 7919, 101) / 101.0"
POOR_SIDE, GOOD_SIDE = (1, POOR), (2, GOOD)


@pytest.fixture
def ab_uri(warehouse_uri: str) -> str:
    """Version 1 of the machines' model is champion; labels of 1,000 machines are known."""
    MACHINE.create_tables(warehouse_uri)
    with open_session(warehouse_uri) as session:
        bootstrap_champion(session, MACHINE.name, 1)
        session.execute(
            f"insert into {MACHINE.spec.label.table.quoted} select %s, n, {FAILED} from generate_series(1, 1000) as n",
            (TEST_DAY,),
        )
    return warehouse_uri


def log_side(
    uri: str, variant: str, version: int, said: str, first: int, count: int = 120, errors: int = 0, at: str = "0 s"
) -> None:
    """First answers about every second machine from ``first``; the challenger's are the odd ones by convention."""
    with open_session(uri) as session:
        session.execute(
            "insert into serving.inference_log (at, request_id, model_name, model_version, variant, keys, as_of_date, "
            "features, prediction, answer, latency_ms, is_error, error) "
            "select clock_timestamp() + %s::interval, %s || n, %s, %s, %s, jsonb_build_object('machine_id', n), %s, "
            f"'{{}}', case when i > %s then {said} end, '{{}}', 1.0, i <= %s, case when i <= %s then 'broke' end "
            "from generate_series(1, %s) as i cross join lateral (select %s + 2 * (i - 1) as n) as numbered",
            (at, f"{variant}{version}", MACHINE.name, version, variant, TEST_DAY, errors, errors, errors, count, first),
        )


def log_both(uri: str, champion: str = POOR, challenger: str = GOOD, count: int = 120, errors: int = 0) -> None:
    """Both sides of a test, each with its half of the machines."""
    # The split is compared since the challenger's first answer.
    log_side(uri, "challenger", 2, challenger, 1, count, errors)
    log_side(uri, "champion", 1, champion, 2, count)


def look(uri: str, plan: AbPlan = PLAN, run: DeploymentRun = RUN, version: int = 2) -> Any:
    """One look."""

    def read(_: int) -> ModelContract:
        return MACHINE.contract

    return look_at_test(uri, MACHINE.spec, version, plan, SETTINGS, CRITERIA, GAINS, read, run)


def read_events(uri: str) -> list[Row]:
    with open_session(uri) as session:
        return session.fetch_all(
            "select event, detail, champion_version, challenger_version from serving.rollout_events order by id"
        )


def list_events(uri: str) -> list[str]:
    return [row["event"] for row in read_events(uri)]


def read_state(uri: str) -> RolloutState:
    with open_session(uri) as session:
        return require_rollout(session, MACHINE.name)


def measured(value: float | None, error: float | None = 0.01, entities: int = 100) -> Measured:
    return Measured(entities, value, error)


@pytest.mark.parametrize(
    ("champion", "challenger", "change", "finding", "decision"),
    [
        (measured(0.6), measured(0.8), {}, "better", "promote"),
        (measured(0.6), measured(0.61), {}, "inconclusive", "restore"),
        (measured(0.6), measured(0.61), {"when_inconclusive": "promote"}, "inconclusive", "promote"),
        (measured(0.8), measured(0.6), {"when_inconclusive": "promote"}, "worse", "restore"),
        # Better, and not by as much as was registered.
        (measured(0.6), measured(0.8), {"min_difference": 0.19}, "inconclusive", "restore"),
        # No worse than was registered is enough, and a little worse does not end it.
        (measured(0.6), measured(0.6), {"min_difference": -0.05}, "better", "promote"),
        (measured(0.6), measured(0.57), {"min_difference": -0.05, "confidence": 0.9}, "inconclusive", "restore"),
        (measured(0.6), measured(0.8, entities=29), {}, "inconclusive", "restore"),
        (measured(None, None), measured(0.8), {}, "inconclusive", "restore"),
        (measured(0.6), measured(0.8, None), {}, "inconclusive", "restore"),
    ],
)
def test_the_decision_follows_from_the_registered_plan(
    champion: Measured, challenger: Measured, change: dict[str, Any], finding: str, decision: str
) -> None:
    report = judge_test(replace(PLAN, **change), champion, challenger, 10.0)
    assert (report.finding, report.decision) == (finding, decision)


def test_the_interval_is_that_of_a_difference_of_independent_estimates() -> None:
    report = judge_test(PLAN, measured(0.5, 0.03), measured(0.6, 0.04), 10.0)
    assert report.difference == pytest.approx(0.1)
    assert (report.low, report.high) == (
        pytest.approx(0.1 - 1.95996 * 0.05, abs=1e-6), pytest.approx(0.1 + 1.95996 * 0.05, abs=1e-6)
    )  # fmt: skip


def test_the_plan_is_an_event_before_the_first_entity_is_sent_anywhere_and_holds(ab_uri: str) -> None:
    assert look(ab_uri) is None
    events = read_events(ab_uri)
    assert [row["event"] for row in events] == ["bootstrapped", "ab_test_registered", "ab_test_started"]
    assert events[1]["challenger_version"] is None
    assert events[1]["detail"] == {"plan": asdict(PLAN), "version": 2, **RUN.describe()}
    state = read_state(ab_uri)
    assert (state.stage, state.challenger_version, state.challenger_weight) == ("ab_test", 2, 0.5)
    assert state.lease_left_s > 500
    # Other settings meanwhile: a size that is reached, another share, another criterion.
    log_both(ab_uri, count=40)
    assert look(ab_uri, replace(PLAN, size=1, share=0.9, min_difference=-1.0)) is None
    assert (read_state(ab_uri).challenger_weight, list_events(ab_uri)) == (0.5, [row["event"] for row in events])


def test_whoever_takes_a_running_test_over_takes_its_plan_over(ab_uri: str) -> None:
    assert look(ab_uri) is None
    log_both(ab_uri, count=40)
    for run in (replace(RUN, attempts_before_clear=1), DeploymentRun("manual__2", "ab_test")):
        assert look(ab_uri, replace(PLAN, size=1, min_difference=-9.0), run) is None
    assert list_events(ab_uri)[-3:] == ["ab_test_started", "taken_over", "taken_over"]


def test_a_better_challenger_may_be_promoted_and_keeps_its_share_until_it_is(ab_uri: str) -> None:
    assert look(ab_uri) is None
    log_both(ab_uri)
    report = look(ab_uri)
    assert (report["finding"], report["decision"]) == ("better", "promote")
    assert (report["champion"]["entities"], report["challenger"]["entities"]) == (120, 120)
    assert report["challenger"]["value"] == 1.0
    assert report["low"] > 0
    log_both(ab_uri, challenger="0.1", count=300)
    again = look(ab_uri)
    assert {name: again[name] for name in report} == report
    assert list_events(ab_uri)[-1] == "ab_test_ended"
    assert (read_state(ab_uri).stage, read_state(ab_uri).challenger_weight) == ("ab_test", 0.5)


@pytest.mark.parametrize(("champion", "challenger", "finding"), [(GOOD, POOR, "worse"), (GOOD, GOOD, "inconclusive")])
def test_a_challenger_that_is_not_better_leaves(ab_uri: str, champion: str, challenger: str, finding: str) -> None:
    assert look(ab_uri) is None
    log_both(ab_uri, champion, challenger)
    report = look(ab_uri)
    assert (report["finding"], report["decision"]) == (finding, "restore")
    assert list_events(ab_uri)[-2:] == ["ab_test_ended", "rolled_back"]
    state = read_state(ab_uri)
    assert (state.stage, state.champion_version, state.challenger_version) == ("idle", 1, None)


def test_it_ends_with_its_time_and_says_that_outcomes_are_late(ab_uri: str) -> None:
    short = replace(PLAN, duration_s=0.001, are_outcomes_late=True)
    assert look(ab_uri, short) is None
    report = look(ab_uri, short)
    assert report["finding"] == "inconclusive"
    assert "0 and 0 entities" in report["reason"]
    assert "outcomes are known after 7 days" in report["reason"]


@pytest.mark.parametrize(("days", "is_late"), [(8, False), (6, True)])
def test_a_test_that_is_shorter_than_its_outcomes_take_is_declared_so(days: int, is_late: bool) -> None:
    settings = SETTINGS.model_copy(update={"duration_s": days * 86400.0})
    plan = plan_test(settings, MACHINE.spec, "auc")
    assert (plan.outcomes_after_days, plan.are_outcomes_late, plan.metric_name) == (7, is_late, "auc")


def test_harm_ends_it_at_any_look_and_a_repeated_task_tells_it_again(ab_uri: str) -> None:
    assert look(ab_uri) is None
    log_both(ab_uri, count=60, errors=40)
    with pytest.raises(RolloutError, match=r"rolled back in its A/B test: .*success_rate"):
        look(ab_uri)
    assert read_state(ab_uri).stage == "idle"
    before = list_events(ab_uri)
    with pytest.raises(RolloutError, match=r"was ended: .*success_rate"):
        look(ab_uri)
    assert list_events(ab_uri) == before
    assert before[-1] == "rolled_back"
    # A person who clears the task registers and starts anew.
    assert look(ab_uri, run=replace(RUN, attempts_before_clear=1)) is None


def test_entities_that_are_not_split_as_registered_end_it(ab_uri: str) -> None:
    assert look(ab_uri, replace(PLAN, size=10_000)) is None
    log_side(ab_uri, "challenger", 2, GOOD, 1, 400)
    log_side(ab_uri, "champion", 1, POOR, 2, 40)
    with pytest.raises(RolloutError, match="routing: 400 of 440 entities went to the challenger"):
        look(ab_uri)


def test_that_versions_answer_differently_is_no_harm(ab_uri: str) -> None:
    assert look(ab_uri, replace(PLAN, size=10_000)) is None
    log_both(ab_uri, "0.9 + mod(n, 7) * 0.01", "0.1 + mod(n, 7) * 0.01", count=400)
    assert look(ab_uri) is None


@pytest.mark.parametrize("by", ["rolled_back", "restored"])
def test_a_test_that_somebody_ended_is_not_begun_again(ab_uri: str, by: str) -> None:
    assert look(ab_uri) is None
    with open_session(ab_uri) as session:
        state = require_rollout(session, MACHINE.name)
        if by == "rolled_back":
            roll_back(session, state, "by hand")
        else:
            restore_champion(session, state, 1, "by hand")
    with pytest.raises(RolloutError, match="was ended: by hand"):
        look(ab_uri)
    assert read_state(ab_uri).stage == "idle"


def test_of_two_deployments_the_second_leaves_the_first_alone(ab_uri: str) -> None:
    assert look(ab_uri) is None
    other = DeploymentRun("scheduled__2", "ab_test")
    with pytest.raises(RolloutError, match="has a test of A and B of version 2 already"):
        look(ab_uri, run=other, version=3)
    with open_session(ab_uri) as session, pytest.raises(RolloutError, match="before the canary of version 3"):
        start_canary(session, require_rollout(session, MACHINE.name), 3, 0.05)
    log_both(ab_uri)
    assert look(ab_uri)["decision"] == "promote"


def read_beginning(uri: str) -> datetime:
    with open_session(uri) as session:
        at: datetime = session.fetch_value("select max(at) from serving.rollout_events where event like '%%started'")
    return at


def test_what_was_answered_while_nobody_watched_is_no_outcome(ab_uri: str) -> None:
    assert look(ab_uri) is None
    began_at = read_beginning(ab_uri)
    log_both(ab_uri, count=50)
    with open_session(ab_uri) as session:
        session.execute("update serving.rollouts set lease_until = clock_timestamp()")
    # All entities are the champion's then, those of the challenger's half, too.
    log_side(ab_uri, "champion", 1, POOR, 201, 30)
    assert look(ab_uri) is None
    assert list_events(ab_uri)[-1] == "resumed"
    log_side(ab_uri, "champion", 1, POOR, 302, 20)
    with open_session(ab_uri) as session:
        counts = count_outcomes(session, MACHINE.spec, {"champion": 1, "challenger": 2}, began_at)
    assert counts == {"champion": 70, "challenger": 50}


def test_only_first_answers_of_entities_of_one_side_with_a_label_count(ab_uri: str) -> None:
    with open_session(ab_uri) as session:
        session.execute(f"delete from {MACHINE.spec.label.table.quoted} where machine_id > 220")
    assert look(ab_uri) is None
    began_at = read_beginning(ab_uri)
    log_both(ab_uri, count=120)
    # Asked again, they are no second observation; of both sides, they are none; another version has no part in it.
    log_side(ab_uri, "challenger", 2, "0.0", 1, 60, at="1 s")
    log_side(ab_uri, "champion", 1, POOR, 1, 10, at="2 s")
    log_side(ab_uri, "challenger", 7, POOR, 2, 10, at="3 s")
    with open_session(ab_uri) as session:
        versions = {"champion": 1, "challenger": 2}
        counts = count_outcomes(session, MACHINE.spec, versions, began_at)  # type: ignore[arg-type]
        contracts = {"champion": MACHINE.contract, "challenger": MACHINE.contract}
        found = measure_outcomes(
            session, MACHINE.spec, contracts, versions, began_at, "score", {}  # type: ignore[arg-type]
        )  # fmt: skip
    assert counts == {"champion": 110, "challenger": 100}
    assert (found["challenger"].entities, found["challenger"].value) == (100, 1.0)
    assert found["champion"].value == pytest.approx(0.5, abs=0.2)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.contract.task)
def test_outcomes_of_every_task_and_kind_of_key_are_found(warehouse_uri: str, case: ModelCase) -> None:
    case.create_tables(warehouse_uri)
    case.add_day(warehouse_uri, TEST_DAY, entities=60)
    keys = ", ".join(f"'{name}', {name}" for name in case.keys)
    label = {
        "binary": "mod(hours::int, 5) = 0",
        "regression": "stock",
        "multiclass": "case when weight > 0.5 then 'red' else 'blue' end",
    }[case.contract.task]
    answer = "jsonb_build_object('probabilities', jsonb_build_object('red', 0.6, 'blue', 0.3, 'green', 0.1))"
    table, columns = case.spec.label.table.quoted, ", ".join(case.keys)
    with open_session(warehouse_uri) as session:
        session.execute(
            f"insert into {table} select distinct on ({columns}) %s::date, {columns}, {label} from {case.group.table}",
            (TEST_DAY,),
        )
        entities = session.fetch_value(f"select count(*) from {table}")
        began_at = session.fetch_value("select clock_timestamp()")
        for variant, version in (("champion", 1), ("challenger", 2)):
            half = f"mod(row_number() over (order by {columns}), 2) = {version - 1}"
            session.execute(
                "insert into serving.inference_log (at, request_id, model_name, model_version, variant, keys, "
                "as_of_date, features, prediction, answer, latency_ms, is_error) select clock_timestamp(), "
                f"gen_random_uuid(), %s, %s, %s, jsonb_build_object({keys}), %s, '{{}}', 0.5, {answer}, 1.0, false "
                f"from (select *, {half} as is_own from {table}) as labels where is_own",
                (case.name, version, variant, TEST_DAY),
            )
        contracts = {"champion": case.contract, "challenger": case.contract}
        gains = {
            "binary": GAINS, "regression": {"over": -1.0, "under": -3.0}, "multiclass": {"correct": 1.0, "wrong": -1.0},
        }[case.contract.task]  # fmt: skip
        found = measure_outcomes(
            session, case.spec, contracts, {"champion": 1, "challenger": 2}, began_at, "value", gains  # type: ignore[arg-type]
        )  # fmt: skip
        with pytest.raises(SettingsError, match=r"gates\.value\.gains"):
            measure_outcomes(
                session, case.spec, contracts, {"champion": 1, "challenger": 2}, began_at, "value", {}  # type: ignore[arg-type]
            )  # fmt: skip
    assert entities > 2
    assert found["champion"].entities + found["challenger"].entities == entities
    assert None not in (found["champion"].value, found["challenger"].value)


def kill_at(uri: str, moment: str) -> None:
    """A look that is killed with SIGKILL."""
    code = (
        "from include.rollout.runs import DeploymentRun\nfrom tests.unit.rollout.test_ab_test import look\nlook(uri)\n"
    )
    kill_controller(code, moment, uri)


@pytest.mark.parametrize("moment", ["ab_test_registered", "ab_test_started", AFTER])
def test_a_controller_that_is_killed_at_its_beginning_goes_on(ab_uri: str, moment: str) -> None:
    kill_at(ab_uri, moment)
    if moment != AFTER:
        assert read_state(ab_uri).stage == "idle"
    assert look(ab_uri) is None
    assert list_events(ab_uri) == ["bootstrapped", "ab_test_registered", "ab_test_started"]


@pytest.mark.parametrize(
    ("moment", "challenger"),
    [("ab_test_ended", GOOD), (AFTER, GOOD), ("ab_test_ended", POOR), ("rolled_back", POOR), (AFTER, POOR)],
)
def test_a_controller_that_is_killed_at_its_end_ends_once(ab_uri: str, moment: str, challenger: str) -> None:
    assert look(ab_uri) is None
    log_both(ab_uri, POOR, challenger)
    kill_at(ab_uri, moment)
    assert look(ab_uri)["decision"] == ("promote" if challenger == GOOD else "restore")
    ended = ["ab_test_ended"] if challenger == GOOD else ["ab_test_ended", "rolled_back"]
    assert list_events(ab_uri) == ["bootstrapped", "ab_test_registered", "ab_test_started", *ended]


def test_a_controller_that_is_killed_while_it_rolls_back_does_so_later(ab_uri: str) -> None:
    assert look(ab_uri) is None
    log_both(ab_uri, count=60, errors=40)
    kill_at(ab_uri, "rolled_back")
    assert read_state(ab_uri).stage == "ab_test"
    with pytest.raises(RolloutError, match="rolled back in its A/B test"):
        look(ab_uri)
    assert read_state(ab_uri).stage == "idle"
