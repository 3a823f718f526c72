"""Following chains of DAG runs, against a small server that answers as Airflow's REST API does."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from include.commands.airflow_api import AirflowApi
from include.errors import StackError
from include.operate.follow import Chain, FinishedRun, Follower
from tests.unit.operate.conftest import FakeAirflow

BEGAN_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def follower(api: AirflowApi, tmp_path: Path) -> Follower:
    """A follower that looks often."""
    return Follower(api, tmp_path / "logs", poll_s=0.005)


def make_run(run_id: str, state: str, minute: int = 1, *, dag: str = "hop", is_queued: bool = True) -> dict[str, Any]:
    at = (BEGAN_AT + timedelta(minutes=minute)).isoformat().replace("+00:00", "Z")
    return {
        "dag_id": dag, "dag_run_id": run_id, "state": state, "run_after": at, "queued_at": at if is_queued else None,
    }  # fmt: skip


def make_task(
    task_id: str, state: str | None, try_number: int = 1, name: str | None = None, start: str | None = None
) -> dict[str, Any]:
    return {
        "task_id": task_id,
        "state": state,
        "try_number": try_number,
        "map_index": -1,
        "rendered_map_index": name,
        "start_date": start,
        "end_date": start,
    }


def ignore(_: str) -> None:
    """Tell nobody."""


def follow(follower: Follower, tell: Callable[[str], None] = ignore, **conditions: Any) -> FinishedRun:
    """Wait for one run of ``hop``."""
    found: list[FinishedRun] = []

    def chain() -> Chain:
        found.append((yield from follower.wait("hop", tell, **{"after": BEGAN_AT, **conditions})))

    follower.drive_one(chain())
    return found[0]


def test_nobody_waits_for_a_stack_that_has_died(follower: Follower) -> None:
    def find_dead() -> None:
        raise StackError("airflow-scheduler has died.")

    follower.check = find_dead
    with pytest.raises(StackError, match="airflow-scheduler has died"):
        follow(follower)


def test_waiting_lasts_until_the_run_has_succeeded(follower: Follower, airflow: FakeAirflow) -> None:
    airflow.looks = [[], [make_run("r", "running", is_queued=False)], [make_run("r", "success")]]
    airflow.tasks["hop r"] = [make_task("land", "success"), make_task("publish", "running")]
    told: list[str] = []
    looked: list[str] = []

    run = follow(follower, told.append, on_look=lambda run_id, tasks: looked.append(f"{run_id} {len(tasks)}"))

    assert run.run_id == "r"
    assert told == ["1/2 tasks · publish"] * 2
    assert looked == ["r 2"]


def test_each_run_is_waited_for_once_and_the_oldest_first(follower: Follower, airflow: FakeAirflow) -> None:
    airflow.looks = [[make_run("second", "success", minute=2), make_run("first", "success", minute=1)]]
    assert [follow(follower).run_id for _ in range(2)] == ["first", "second"]


def test_runs_of_before_and_of_other_dags_do_not_count(follower: Follower, airflow: FakeAirflow) -> None:
    stale, other = make_run("stale", "failed", minute=-1), make_run("other", "failed", dag="units.hop")
    airflow.looks = [[stale, other, make_run("new", "success")]]
    assert follow(follower).run_id == "new"


def test_a_run_that_was_triggered_by_hand_is_known_by_its_id(follower: Follower, airflow: FakeAirflow) -> None:
    airflow.looks = [[make_run("scheduled", "success", 1), make_run("mine", "success", 2)]]
    assert follow(follower, after=None, run_id="mine").run_id == "mine"


def test_what_follows_a_run_was_queued_after_its_first_task_began() -> None:
    tasks = [
        make_task("publish", "success", start="2026-03-01T12:05:00Z"),
        make_task("skipped", "skipped"),
        make_task("land", "success", start="2026-03-01T12:01:00Z"),
    ]
    assert FinishedRun("r", tasks).began_at == BEGAN_AT + timedelta(minutes=1)


def test_a_failed_run_names_its_tasks_and_ends_with_their_logs(follower: Follower, airflow: FakeAirflow) -> None:
    airflow.looks = [[make_run("r", "failed")]]
    airflow.tasks["hop r"] = [
        make_task("land", "success"),
        make_task("audit", "failed", try_number=3, name="parts"),
        make_task("publish", "upstream_failed", try_number=0),
    ]
    airflow.logs["r audit 3"] = "x" * 5000 + "\nAuditError: 7 weights below 0"
    with pytest.raises(StackError) as stopped:
        follow(follower)
    first, heading, *_ = str(stopped.value).splitlines()
    assert first == "hop failed in audit[parts] (run r)."
    assert heading == "--- end of the log of audit:"
    assert str(stopped.value).endswith("\nAuditError: 7 weights below 0")
    assert len(str(stopped.value)) < 2700


def test_a_run_that_had_nothing_to_do_is_passed_over(follower: Follower, airflow: FakeAirflow) -> None:
    airflow.looks = [[make_run("idle", "success", 1), make_run("meant", "success", 2)]]
    airflow.tasks["hop idle"] = [make_task("score", "skipped")]
    airflow.tasks["hop meant"] = [make_task("score", "success")]
    run = follow(follower, meant_by="score", must_run="score")
    assert run.run_id == "meant"
    assert run.has_run("score")


def test_a_refusal_stops_at_once_with_the_log_that_says_why(follower: Follower, airflow: FakeAirflow) -> None:
    airflow.looks = [[make_run("r", "success")]]
    airflow.tasks["hop r"] = [
        make_task("assemble", "success"),
        make_task("register", "skipped"),
        make_task("announce", "skipped", try_number=0),
    ]
    airflow.logs["r register 1"] = "The candidate was refused: AUC 0.61 is below 0.70"
    with pytest.raises(StackError) as stopped:
        follow(follower, meant_by="assemble", must_run="register")
    assert str(stopped.value) == (
        "hop stopped early: it skipped register, announce (run r).\n"
        "--- end of the log of register:\n"
        "The candidate was refused: AUC 0.61 is below 0.70"
    )


def test_one_chain_that_fails_does_not_stop_the_others(follower: Follower, airflow: FakeAirflow) -> None:
    airflow.looks = [
        [make_run("a", "failed", dag="failures.train"), make_run("b", "running", dag="units.train")],
        [make_run("a", "failed", dag="failures.train"), make_run("b", "running", dag="units.train")],
        [make_run("a", "failed", dag="failures.train"), make_run("b", "success", dag="units.train")],
    ]
    ended: list[str] = []

    def wait(name: str) -> Chain:
        yield from follower.wait(f"{name}.train", ignore, after=BEGAN_AT)
        ended.append(name)

    failures = follower.drive({name: wait(name) for name in ("failures", "units")})

    assert ended == ["units"]
    assert list(failures) == ["failures"]
    assert "failures.train failed" in str(failures["failures"])


def test_chains_go_on_side_by_side(follower: Follower, airflow: FakeAirflow) -> None:
    seen: list[str] = []

    def count(name: str) -> Chain:
        for number in range(3):
            seen.append(f"{name}{number}")
            yield

    assert follower.drive({"a": count("a"), "b": count("b")}) == {}
    assert seen == ["a0", "b0", "a1", "b1", "a2", "b2"]


def test_interrupted_chains_are_closed(follower: Follower) -> None:
    closed: list[str] = []

    def hold(name: str) -> Chain:
        try:
            while True:
                yield
        finally:
            closed.append(name)

    def interrupt() -> Chain:
        yield
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        follower.drive({"a": hold("a"), "b": interrupt()})
    assert closed == ["a"]


def test_an_airflow_that_is_too_busy_to_answer_is_asked_again(follower: Follower, airflow: FakeAirflow) -> None:
    airflow.looks = [[make_run("r", "success")]]
    airflow.refusals = {"~/dagRuns": [500, 0, 503], "r/taskInstances": [500, 0]}
    assert follow(follower).run_id == "r"
    assert not any(airflow.refusals.values())


def drive_trigger(follower: Follower) -> None:
    follower.drive_one(follower.trigger("hop", {"from_day": "2026-03-01"}, "demo__1"))


def test_a_run_is_triggered_once_though_the_answer_is_lost(follower: Follower, airflow: FakeAirflow) -> None:
    airflow.refusals = {"hop/dagRuns": [500, 0, 409]}
    drive_trigger(follower)
    assert airflow.triggered == []

    drive_trigger(follower)
    assert [(body["dag_run_id"], body["conf"]) for body in airflow.triggered] == [
        ("demo__1", {"from_day": "2026-03-01"})
    ]


def test_a_trigger_that_airflow_refuses_is_an_error_at_once(follower: Follower, airflow: FakeAirflow) -> None:
    airflow.refusals = {"hop/dagRuns": [400]}
    with pytest.raises(StackError, match="status 400"):
        drive_trigger(follower)


def test_dags_are_waited_for_through_an_import_error_that_goes(follower: Follower, airflow: FakeAirflow) -> None:
    airflow.dags = [[], ["ingest"], ["ingest", "units.train"]]
    airflow.import_errors = [{"filename": "dags/train.py", "stack_trace": "Traceback\nTimeoutError: 30 s"}]
    told: list[str] = []

    follower.drive_one(follower.wait_for_dags(["ingest", "units.train"], told.append))

    assert told == [f"Airflow has read {count} of 2 DAGs; TimeoutError: 30 s" for count in (0, 1)]


def hurry(follower: Follower) -> None:
    """Let ten seconds pass from one look to the next."""
    ticks = itertools.count(step=10.0)
    follower.clock = lambda: next(ticks)


def test_a_wait_without_any_change_is_given_up_and_names_what_it_waited_for_and_what_is_broken(
    follower: Follower, airflow: FakeAirflow
) -> None:
    airflow.import_errors = [{"filename": "dags/train.py", "stack_trace": "Traceback\nSyntaxError: invalid"}]
    hurry(follower)
    with pytest.raises(StackError) as stopped:
        follower.drive_one(follower.wait_for_dags(["units.train"], ignore))
    text = str(stopped.value)
    assert "waited for the DAGs units.train" in text
    assert "dags/train.py" in text
    assert "SyntaxError: invalid" in text


def test_a_run_that_will_not_come_is_given_up(follower: Follower) -> None:
    hurry(follower)
    with pytest.raises(StackError, match=r"(?s)Nothing in Airflow has moved .*waited for hop"):
        follow(follower)


def test_a_running_task_is_a_sign_of_life_while_airflow_beats(follower: Follower, airflow: FakeAirflow) -> None:
    run = make_run("r", "running")
    airflow.looks = [[run]]
    airflow.tasks["hop r"] = [make_task("fit", "running")]
    follower.runs = [run]
    follower._read_tasks("hop", "r")
    signs = []
    for beat in ("12:00", "12:01"):
        airflow.health = {"scheduler": {"latest_scheduler_heartbeat": beat}}
        signs.append(follower._read_signs())
    assert signs[0] != signs[1]

    airflow.tasks["hop r"] = [make_task("fit", "queued")]
    follower._read_tasks("hop", "r")
    idle = []
    for beat in ("12:00", "12:01"):
        airflow.health = {"scheduler": {"latest_scheduler_heartbeat": beat}}
        idle.append(follower._read_signs())
    assert idle[0] == idle[1]


def test_a_growing_log_of_a_task_is_a_sign_of_life_and_one_of_a_service_is_none(
    follower: Follower, airflow: FakeAirflow
) -> None:
    task, service = follower.logs / "dag_id=hop/run_id=r/task_id=t/attempt=1.log", follower.logs / "dag_processor/x.log"
    for path in (task, service):
        path.parent.mkdir(parents=True)
        path.write_text("one\n")
    before = follower._read_signs()
    service.write_text("one\ntwo\n")
    assert follower._read_signs() == before
    task.write_text("one\ntwo\n")
    assert follower._read_signs() != before


def test_runs_that_are_under_way_are_waited_for(follower: Follower, airflow: FakeAirflow) -> None:
    airflow.looks = [
        [make_run("r", "queued"), make_run("q", "running", dag="other")],
        [make_run("r", "running"), make_run("q", "running", dag="other")],
        [make_run("r", "failed"), make_run("q", "running", dag="other")],
    ]
    follower.drive_one(follower.wait_until_over({"hop"}))
    assert len(airflow.looks) == 1


def test_a_finished_run_tells_what_started_it_and_when_a_task_of_it_ended(
    follower: Follower, airflow: FakeAirflow
) -> None:
    airflow.looks = [[{**make_run("r", "success"), "run_type": "asset_triggered"}]]
    airflow.tasks["hop r"] = [
        make_task("publish", "success", start="2026-03-01T12:00:00Z"),
        make_task("late", "skipped"),
    ]
    run = follow(follower)
    assert run.kind == "asset_triggered"
    assert run.find_end("publish") == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert run.find_end("late") is None


def test_the_oldest_run_that_is_under_way_is_found(follower: Follower) -> None:
    follower.runs = [
        make_run("new", "queued", 5), make_run("old", "running", 2), make_run("over", "success", 1),
        make_run("other", "running", 1, dag="elsewhere"),
    ]  # fmt: skip
    assert follower.find_open("hop") == "old"
    assert follower.find_open("hop", before=BEGAN_AT + timedelta(minutes=2)) is None
    assert follower.find_open("hop", before=BEGAN_AT + timedelta(minutes=3)) == "old"
    assert follower.find_open("nothing") is None


@pytest.mark.parametrize("is_patient", [True, False])
def test_a_person_may_take_their_time_where_that_was_said(
    follower: Follower, airflow: FakeAirflow, is_patient: bool
) -> None:
    airflow.looks = [[make_run("r", "running")]] * 40 + [[make_run("r", "success")]]
    airflow.tasks["hop r"] = [make_task("approve", "awaiting_input")]
    minutes = iter(range(10_000))
    follower.clock = lambda: 60.0 * next(minutes)
    follower.patience_s, follower.is_patient_with_people = 100.0, is_patient
    if is_patient:
        assert follow(follower).run_id == "r"
    else:
        with pytest.raises(StackError, match="Nothing in Airflow has moved"):
            follow(follower)
