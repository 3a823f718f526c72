"""How a dbt model's task ends in the triggerer, on what the build has reported.

The triggerer asks Airflow through its own connection to the API server, which only it has; here a list of answers
stands in for it. ``tests/integration/test_whole_loop.py`` runs the triggers in a real triggerer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.triggers.base import TaskSkippedEvent, TaskSuccessEvent, TriggerEvent

from include.orchestration import dbt_trigger
from include.orchestration.dbt_reports import REPORTS, NodeReport
from include.orchestration.dbt_trigger import BUILD_IT, FAIL, FAILED_TESTS, BuildState, ModelTrigger, decide_ending

MODEL, TEST, OTHER_TEST = "model.shop.days", "test.shop.unique_days", "test.shop.agree"
TESTS = {TEST: "unique_days", OTHER_TEST: "agree"}
BUILD = "dbt.producer"


def report(**statuses: str) -> dict[str, NodeReport]:
    """What the build reports of the model and its tests."""
    names = {"model": MODEL, "test": TEST, "other": OTHER_TEST}
    return {names[name]: {"status": status, "message": f"said {status}"} for name, status in statuses.items()}


PASSED = report(model="success", test="pass", other="pass")
PASSED[MODEL]["sql"] = "sql.1.2"


@pytest.mark.parametrize(
    ("build", "nodes", "expected"),
    [
        ("running", {}, None),
        ("running", report(model="success", test="pass"), None),
        ("running", PASSED, "built"),
        ("running", report(model="success", test="pass", other="warn"), "built"),
        # The build may be tried again.
        ("running", report(model="error"), None),
        ("up_for_retry", report(model="error"), None),
        ("running", report(model="success", test="fail", other="pass"), None),
        ("failed", report(model="error"), "failed"),
        ("failed", report(model="skipped", test="skipped"), "left_out"),
        ("failed", report(model="success", test="fail", other="pass"), "tests_failed"),
        ("failed", report(model="success", test="fail", other="error"), "failed"),
        ("failed", report(model="success", test="pass"), "failed"),
        ("failed", PASSED, "built"),
        # Without a word of the model.
        ("failed", {}, "left_out"),
        ("success", {}, "failed"),
        ("skipped", {}, "left_out"),
        ("upstream_failed", {}, "left_out"),
        (None, {}, None),
    ],
)  # fmt: skip
def test_the_ending_of_a_model(build: str | None, nodes: dict[str, NodeReport], expected: str | None) -> None:
    assert decide_ending(build, nodes, MODEL, [*TESTS]) == expected


def test_reports_of_an_earlier_build_count_for_nothing_while_a_new_one_is_under_way() -> None:
    assert decide_ending("running", PASSED, MODEL, [*TESTS], is_first_try=False) is None
    assert decide_ending("success", PASSED, MODEL, [*TESTS], is_first_try=False) == "built"


class Airflow:
    """Answers as the API server would; each answer about the build is the next of a list, the last one stays."""

    def __init__(self) -> None:
        self.builds: list[tuple[str | None, Mapping[str, NodeReport]]] = [("running", {})]
        self.states: list[dict[str, str | None]] = [{}]
        self.asked = 0
        self.read: list[str] = []

    async def read_states(self, dag_id: str, run_id: str, task_ids: Sequence[str]) -> dict[str, str | None]:
        assert (dag_id, run_id) == ("build", "today")
        if [*task_ids] == [BUILD]:
            self.asked += 1
            if self.asked > 1 and len(self.builds) > 1:
                self.builds.pop(0)
            return {BUILD: self.builds[0][0]}
        states = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return {task_id: states[task_id] for task_id in task_ids}

    async def read_xcom(self, dag_id: str, run_id: str, task_id: str, key: str) -> Any:
        assert (dag_id, run_id, task_id) == ("build", "today", BUILD)
        if key == REPORTS:
            return dict(self.builds[0][1])
        self.read.append(key)
        return {MODEL: "select 1"} if key == "sql.1.2" else None


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Airflow]:
    server = Airflow()
    monkeypatch.setattr(dbt_trigger, "read_states", server.read_states)
    monkeypatch.setattr(dbt_trigger, "read_xcom", server.read_xcom)
    monkeypatch.setattr(ModelTrigger, "builds", {})
    yield server


def make_trigger(try_number: int = 1, upstream: Sequence[str] = (), poll_interval_s: float = 0.001) -> ModelTrigger:
    trigger = ModelTrigger(MODEL, BUILD, TESTS, upstream, poll_interval_s)
    trigger.task_instance = SimpleNamespace(  # type: ignore[assignment]
        dag_id="build", run_id="today", map_index=-1, try_number=try_number, task_id="dbt.days"
    )
    return trigger


def finish(*triggers: ModelTrigger) -> list[TriggerEvent]:
    """The one event of each trigger, run side by side."""

    async def run(trigger: ModelTrigger) -> TriggerEvent:
        (event,) = [event async for event in trigger.run()]
        return event

    async def run_all() -> list[TriggerEvent]:
        return await asyncio.wait_for(asyncio.gather(*map(run, triggers)), 60)

    return asyncio.run(run_all())


def test_a_model_that_was_built_ends_its_task_without_a_worker(
    airflow: Airflow, caplog: pytest.LogCaptureFixture
) -> None:
    airflow.builds = [(None, {}), ("running", report(model="success", test="pass")), ("running", PASSED)]

    with caplog.at_level(logging.INFO):
        (event,) = finish(make_trigger())

    assert isinstance(event, TaskSuccessEvent)
    assert "said success" in caplog.text
    assert "select 1" in caplog.text


def test_the_sql_of_models_that_were_reported_together_is_read_once(airflow: Airflow) -> None:
    airflow.builds = [("running", PASSED)]

    assert [type(event) for event in finish(make_trigger(), make_trigger())] == [TaskSuccessEvent, TaskSuccessEvent]

    assert airflow.read == ["sql.1.2"]


def test_the_state_of_a_build_is_asked_for_less_often_than_its_reports(
    airflow: Airflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(dbt_trigger.time, "monotonic", lambda: now[0])
    build = BuildState("build", "today", BUILD)

    async def look() -> None:
        for _ in range(9):
            await build.refresh(0.125)
            now[0] += 0.25

    asyncio.run(look())

    assert airflow.asked == 3


def test_a_model_ends_also_without_its_sql(airflow: Airflow, caplog: pytest.LogCaptureFixture) -> None:
    without = {**PASSED, MODEL: {**PASSED[MODEL], "sql": "sql.1.9"}}
    airflow.builds = [("running", without)]

    with caplog.at_level(logging.INFO):
        (event,) = finish(make_trigger())

    assert isinstance(event, TaskSuccessEvent)
    assert "Compiled SQL" not in caplog.text


def test_failed_tests_fail_the_task_by_their_names(airflow: Airflow) -> None:
    airflow.builds = [("running", {}), ("failed", report(model="success", test="fail", other="pass"))]

    (event,) = finish(make_trigger())

    assert (event.payload["status"], event.payload[FAILED_TESTS]) == (FAIL, ["unique_days"])
    assert "days was built, and tests of it failed: \n  unique_days: said fail" in event.payload["reason"]


def test_a_model_whose_test_could_not_be_run_has_no_failed_test(airflow: Airflow) -> None:
    airflow.builds = [("failed", report(model="success", test="fail", other="error"))]

    (event,) = finish(make_trigger())

    assert (event.payload["status"], event.payload[FAILED_TESTS]) == (FAIL, [])
    assert "agree: said error" in event.payload["reason"]


def test_a_model_that_failed_is_failed_with_what_dbt_said(airflow: Airflow) -> None:
    airflow.builds = [("failed", report(model="error"))]

    (event,) = finish(make_trigger())

    assert event.payload["status"] == FAIL
    assert "said error" in event.payload["reason"]


def test_a_model_of_a_build_that_was_not_due_is_skipped_at_once(airflow: Airflow) -> None:
    airflow.builds = [("skipped", {})]
    airflow.states = [{"dbt.raw": "deferred"}]  # for ever

    (event,) = finish(make_trigger(upstream=["dbt.raw"]))

    assert isinstance(event, TaskSkippedEvent)


def test_a_model_that_dbt_left_out_is_skipped_after_those_upstream_have_ended(airflow: Airflow) -> None:
    airflow.builds = [("failed", report(model="skipped"))]
    airflow.states = [{"dbt.raw": "deferred"}, {"dbt.raw": "running"}, {"dbt.raw": "failed"}]

    assert isinstance(finish(make_trigger(upstream=["dbt.raw"]))[0], TaskSkippedEvent)
    assert airflow.states == [{"dbt.raw": "failed"}], "what comes after would miss the failure"


def test_a_build_that_is_tried_again_is_followed_to_its_end(airflow: Airflow) -> None:
    airflow.builds = [
        ("running", {}), ("running", report(model="error")), ("up_for_retry", report(model="error")), ("running", {}),
        ("running", PASSED),
    ]  # fmt: skip

    assert isinstance(finish(make_trigger())[0], TaskSuccessEvent)


def test_all_models_of_a_build_ask_airflow_together(airflow: Airflow) -> None:
    airflow.builds = [("running", PASSED)]

    finish(*(make_trigger(poll_interval_s=60) for _ in range(30)))

    assert airflow.asked == 1


def test_a_task_that_is_cleared_alone_is_built_by_a_worker_after_those_upstream(airflow: Airflow) -> None:
    airflow.builds = [("failed", report(model="error"))]
    airflow.states = [{"dbt.raw": "up_for_retry"}, {"dbt.raw": None}, {"dbt.raw": "success"}]

    (event,) = finish(make_trigger(try_number=2, upstream=["dbt.raw"]))

    assert event.payload == {"status": BUILD_IT}
    assert airflow.states == [{"dbt.raw": "success"}], "the task upstream was not waited for"


def test_a_task_that_is_cleared_alone_is_skipped_when_one_upstream_has_failed(
    airflow: Airflow, caplog: pytest.LogCaptureFixture
) -> None:
    airflow.builds = [("failed", report(model="skipped"))]
    airflow.states = [{"dbt.raw": "failed", "dbt.days": "success"}]

    assert isinstance(finish(make_trigger(try_number=2, upstream=["dbt.days", "dbt.raw"]))[0], TaskSkippedEvent)
    assert "for want of dbt.raw" in caplog.text


def test_a_task_that_is_cleared_together_with_the_build_follows_it_again(airflow: Airflow) -> None:
    failed = report(model="success", test="fail", other="pass")
    airflow.builds = [(None, PASSED), ("queued", PASSED), ("running", PASSED), ("running", {}), ("failed", failed)]

    (event,) = finish(make_trigger(try_number=2))

    assert event.payload["status"] == FAIL, "the reports of the earlier build were taken for those of this one"


def test_the_triggerer_can_make_the_trigger_anew() -> None:
    path, arguments = ModelTrigger(MODEL, BUILD, TESTS, ["dbt.raw"], 2.0).serialize()

    assert path == "include.orchestration.dbt_trigger.ModelTrigger"
    assert ModelTrigger(**arguments).serialize() == (path, arguments)
