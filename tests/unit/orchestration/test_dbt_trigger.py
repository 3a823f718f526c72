"""How a dbt model's task ends in the triggerer, on what the build has reported.

The triggerer hands these reports out through its own connection to Airflow's API server, which only it has; here a
dictionary stands in for it. ``tests/integration/test_whole_loop.py`` runs the triggers in a real triggerer.
"""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from airflow.triggers.base import TaskSkippedEvent, TaskSuccessEvent, TriggerEvent

from include.orchestration.dbt_trigger import ModelTrigger

MODEL = "model.shop.days"
STATUS, TESTS = "model__shop__days_status", "model__shop__days_tests_status"


class Reported(ModelTrigger):
    """A trigger whose build reports one thing more each time that it asks for the producer's state."""

    def __init__(self, *states: tuple[str, dict[str, Any]], has_tests: bool = False, try_number: int = 1) -> None:
        super().__init__(MODEL, "dbt.producer", has_tests, 0.0)
        self.states = list(states)
        self.task_instance = SimpleNamespace(  # type: ignore[assignment]
            dag_id="build", run_id="today", map_index=-1, try_number=try_number, task_id="dbt.days"
        )

    async def get_xcom_val(self, key: str) -> Any:
        assert (self.dag_id, self.run_id) == ("build", "today")
        return self.states[0][1].get(key)

    async def _get_producer_task_status(self) -> str | None:
        if len(self.states) > 1:
            self.states.pop(0)
        return self.states[0][0]


def finish(trigger: ModelTrigger) -> TriggerEvent:
    """The one event of the trigger."""

    async def collect() -> list[TriggerEvent]:
        return [event async for event in trigger.run()]

    (event,) = asyncio.run(collect())
    return event


def report(status: str) -> dict[str, Any]:
    """What the build reports of a model."""
    return {STATUS: {"status": status, "outlet_uris": []}}


def test_a_model_that_was_built_ends_its_task_without_a_worker() -> None:
    event = finish(Reported(("running", {}), ("running", {}), ("running", report("success"))))

    assert isinstance(event, TaskSuccessEvent)


def test_a_skipped_model_ends_its_task_without_a_worker() -> None:
    assert isinstance(finish(Reported(("running", {}), ("running", report("skipped")))), TaskSkippedEvent)


def test_a_failed_model_is_failed_by_a_worker() -> None:
    event = finish(Reported(("running", {}), ("running", report("error"))))

    assert type(event) is TriggerEvent
    assert (event.payload["status"], event.payload["reason"]) == ("failed", "node_failed")


def test_a_model_with_tests_waits_for_them() -> None:
    built = report("success")
    trigger = Reported(("running", built), ("running", built), ("running", {**built, TESTS: "pass"}), has_tests=True)

    assert isinstance(finish(trigger), TaskSuccessEvent)
    assert len(trigger.states) == 1


def test_a_failed_test_is_told_from_a_failed_model() -> None:
    event = finish(Reported(("running", {**report("success"), TESTS: "fail"}), has_tests=True))

    assert (event.payload["status"], event.payload["reason"]) == ("failed", "tests_failed")


def test_the_tests_of_a_model_that_failed_are_not_waited_for() -> None:
    event = finish(Reported(("running", report("error")), has_tests=True))

    assert event.payload["reason"] == "node_failed"


def test_a_model_that_dbt_left_out_is_built_once_its_upstream_tasks_have_succeeded() -> None:
    left_out = {**report("failed"), "model__shop__days_dbt_event": {"status": "skipped", "msg": "Skipped"}}
    trigger = Reported(("running", left_out), ("running", left_out), ("failed", left_out))

    event = finish(trigger)

    assert trigger.states == [("failed", left_out)], "the build was still running"
    assert event.payload["reason"] == "producer_skipped"


def test_a_build_that_ended_without_a_word_of_the_model_fails_it() -> None:
    event = finish(Reported(("running", {}), ("failed", {})))

    assert (event.payload["status"], event.payload["reason"]) == ("failed", "producer_failed")


def test_a_second_try_runs_the_model_once_the_build_is_over() -> None:
    trigger = Reported(("running", report("error")), ("running", report("error")), ("skipped", {}), try_number=2)

    event = finish(trigger)

    assert trigger.states == [("skipped", {})], "the build was still running"
    assert event.payload["reason"] == "producer_skipped", "execute_complete runs the model by this reason alone"


def test_the_triggerer_can_make_the_trigger_anew() -> None:
    path, arguments = ModelTrigger(MODEL, "dbt.producer", True, 2.0).serialize()

    assert path == "include.orchestration.dbt_trigger.ModelTrigger"
    assert ModelTrigger(**arguments).serialize() == (path, arguments)
