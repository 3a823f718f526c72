"""The tasks of dbt's models end in the triggerer: a model that went well costs no worker process.

Cosmos starts a worker for each model's task, which finds nothing yet, hands over to a trigger, and is started
anew to read the trigger's answer. A build of sixty tasks pays 120 starts, each of them a process that parses the
DAG file. Here the scheduler hands the task to the trigger at once, and the trigger ends it. A worker starts
only where there is something to do: to fail with its reason, or to run the model when the task is tried again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

from airflow.triggers.base import StartTriggerArgs, TaskSkippedEvent, TaskSuccessEvent, TriggerEvent
from cosmos.listeners.dag_run_listener import EventStatus
from cosmos.log import get_logger
from cosmos.operators._watcher.state import get_dbt_event_xcom_key, is_producer_task_terminated
from cosmos.operators._watcher.triggerer import WatcherEventReason, WatcherTrigger

POLL_S: Final = 2.0

log = get_logger(__name__)


class NodeTrigger(WatcherTrigger):  # type: ignore[misc]
    """Cosmos's trigger, started by the scheduler instead of by a worker."""

    def __init__(self, model_unique_id: str, producer_task_id: str, is_test_sensor: bool, poke_interval: float) -> None:
        # Which run it belongs to is only known once the triggerer has set the task instance.
        super().__init__(model_unique_id, producer_task_id, "", "", -1, poke_interval, is_test_sensor)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments, for the triggerer that takes it over."""
        names = ("model_unique_id", "producer_task_id", "is_test_sensor", "poke_interval")
        return f"{type(self).__module__}.{type(self).__qualname__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """One event: the task's end, or what a worker must do."""
        ti = self.task_instance
        self.dag_id, self.run_id, self.map_index = ti.dag_id, ti.run_id, ti.map_index
        if ti.try_number > 1:
            # A task that is tried again wants its model run again, and not the answer of the build that failed.
            while not is_producer_task_terminated(await self._get_producer_task_status()):
                await asyncio.sleep(self.poke_interval)
            yield TriggerEvent({"status": EventStatus.FAILED, "reason": WatcherEventReason.PRODUCER_SKIPPED})
            return
        while not await self._is_decided():
            await asyncio.sleep(self.poke_interval)
        async for event in super().run():
            if sql := event.payload.get("compiled_sql"):
                log.info("Compiled SQL:\n%s", sql)
            if finished := await self.get_xcom_val(get_dbt_event_xcom_key(self.model_unique_id)):
                log.info("%s", finished["msg"])
            yield settle(event)

    async def _log_startup_events(self) -> None:
        """Leave dbt's version to the log of the build, instead of asking for it once for every model."""

    async def _is_decided(self) -> bool:
        """Whether the build has reported this node, or has ended: what Cosmos's own loop asks with four requests."""
        status, _ = await self._parse_dbt_node_status_and_compiled_sql()
        return status is not None or is_producer_task_terminated(await self._get_producer_task_status())


def settle(event: TriggerEvent) -> TriggerEvent:
    """The end of the task where Cosmos's answer leaves nothing to do, else the answer itself."""
    match event.payload["status"]:
        case EventStatus.SUCCESS:
            return TaskSuccessEvent()
        case EventStatus.SKIPPED:
            return TaskSkippedEvent()
        case _:
            return event


def start_in_triggerer(task: Any) -> None:
    """Let the scheduler hand ``task``, one of Cosmos's watching tasks, to the triggerer without a worker."""
    task.start_from_trigger = True
    task.start_trigger_args = StartTriggerArgs(
        trigger_cls=f"{NodeTrigger.__module__}.{NodeTrigger.__qualname__}",
        trigger_kwargs={
            "model_unique_id": task.model_unique_id,
            "producer_task_id": task.producer_task_id,
            "is_test_sensor": task.is_test_sensor,
            "poke_interval": POLL_S,
        },
        next_method="execute_complete",
        timeout=task.execution_timeout,
    )
