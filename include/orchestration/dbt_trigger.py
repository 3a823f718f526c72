"""Waits in the triggerer until ``dbt build`` has reported a model and its tests, and ends the model's task there.

A worker starts only where there is something to do: to fail with a reason, or to run the model when its task is tried
again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

from airflow.triggers.base import TaskSkippedEvent, TaskSuccessEvent, TriggerEvent
from cosmos.listeners.dag_run_listener import EventStatus
from cosmos.log import get_logger
from cosmos.operators._watcher.state import get_dbt_event_xcom_key, is_producer_task_terminated
from cosmos.operators._watcher.triggerer import WatcherEventReason, WatcherTrigger

TESTS_FAILED: Final = "tests_failed"
"""The reason beside Cosmos's own: the model was built, and a test of it failed."""

log = get_logger(__name__)


class ModelTrigger(WatcherTrigger):  # type: ignore[misc]
    """Cosmos's trigger, started by the scheduler instead of by a worker.

    Args:
        has_tests: whether the build reports tests of the model.
        poke_interval: seconds between two looks at what the build has reported.
    """

    def __init__(self, model_unique_id: str, producer_task_id: str, has_tests: bool, poke_interval: float) -> None:
        # Which run it belongs to is only known once the triggerer has set the task instance.
        super().__init__(model_unique_id, producer_task_id, "", "", -1, poke_interval)
        self.has_tests = has_tests

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments, for the triggerer that takes it over."""
        names = ("model_unique_id", "producer_task_id", "has_tests", "poke_interval")
        return f"{type(self).__module__}.{type(self).__qualname__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """One event: the task's end, or what a worker must do."""
        ti = self.task_instance
        self.dag_id, self.run_id, self.map_index = ti.dag_id, ti.run_id, ti.map_index
        if ti.try_number > 1:
            # A task that is tried again wants its model built again, and not the answer of the build that failed.
            yield await self._take_over()
            return
        event = await self._wait()
        if sql := event.get("compiled_sql"):
            log.info("Compiled SQL:\n%s", sql)
        if finished := await self.get_xcom_val(get_dbt_event_xcom_key(self.model_unique_id)):
            log.info("%s", finished["msg"])
            if finished["status"] == "skipped":
                # dbt left it out after a failure upstream. Those tasks have succeeded since: it is this one's turn.
                yield await self._take_over()
                return
        if self.has_tests and event["status"] == EventStatus.SUCCESS:
            self.is_test_sensor = True  # the same questions again, about the tests
            event = await self._wait()
            if event.get("reason") == WatcherEventReason.NODE_FAILED:
                event["reason"] = TESTS_FAILED
        yield settle(event)

    async def _take_over(self) -> TriggerEvent:
        """Once the build is over, let a worker run the model; ``execute_complete`` does so for this reason."""
        while not is_producer_task_terminated(await self._get_producer_task_status()):
            await asyncio.sleep(self.poke_interval)
        return TriggerEvent({"status": EventStatus.FAILED, "reason": WatcherEventReason.PRODUCER_SKIPPED})

    async def _wait(self) -> dict[str, Any]:
        """Cosmos's answer once there is one; its own loop asks for more than that each time."""
        while not await self._is_decided():
            await asyncio.sleep(self.poke_interval)
        async for event in super().run():
            return dict(event.payload)
        raise AssertionError("Cosmos's trigger yields one event")

    async def _is_decided(self) -> bool:
        """Whether the build has reported, or has ended."""
        status, _ = await self._parse_dbt_node_status_and_compiled_sql()
        return status is not None or is_producer_task_terminated(await self._get_producer_task_status())

    async def _log_startup_events(self) -> None:
        """Leave dbt's version to the log of the build, instead of asking for it once for every model."""


def settle(event: dict[str, Any]) -> TriggerEvent:
    """The end of the task where Cosmos's answer leaves nothing to do, else the answer itself."""
    match event["status"]:
        case EventStatus.SUCCESS:
            return TaskSuccessEvent()
        case EventStatus.SKIPPED:
            return TaskSkippedEvent()
        case _:
            return TriggerEvent(event)
