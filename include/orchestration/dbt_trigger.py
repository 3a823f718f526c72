"""Follows ``dbt build`` in the triggerer, and ends the task of a model there.

A worker starts only to fail with a reason, or to build a model that a person wants built again
(see :class:`ModelTrigger`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal

from airflow.triggers.base import BaseTrigger, TaskSkippedEvent, TaskSuccessEvent, TriggerEvent

from include.orchestration.dbt_reports import LEFT_OUT, REPORTS, NodeReport

FAILED_TESTS: Final = "failed_tests"
"""XCom of a model's task: the names of its tests that failed."""
BUILD_IT: Final = "build_it"
"""The event after which a worker builds the model."""
FAIL: Final = "fail"
"""The event after which a worker fails the task for good: Airflow would try one again that is failed here."""

Ending = Literal["built", "tests_failed", "failed", "left_out"]

_BUILT: Final = frozenset({"success", "pass", "warn"})
_OVER: Final = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})
_KEPT_S: Final = 3600.0
# Looks at what was reported for each look at the build's state.
_STATE_EVERY: Final = 4

log = logging.getLogger(__name__)


def decide_ending(
    build: str | None, nodes: Mapping[str, NodeReport], model: str, tests: Sequence[str], *, is_first_try: bool = True
) -> Ending | None:
    """How a model's task ends; None while that is open.

    A model that was built, and whose tests have passed, ends at once. All else waits for the end of the build, which is
    tried again itself where anything but a test has failed.

    Args:
        build: Airflow's state of the task that runs dbt, read before ``nodes``.
        nodes: what the build has reported so far, by unique id.
        tests: unique ids of the model's tests.
        is_first_try: whether reports of a build that is under way are of this build, and not of an earlier one.
    """
    is_over = build in _OVER
    if not is_over and not is_first_try:
        return None
    found = nodes.get(model)
    said = [nodes[test]["status"] if test in nodes else None for test in tests]
    if found and found["status"] in _BUILT and all(status in _BUILT for status in said):
        return "built"
    if not is_over:
        return None
    if found is None:
        # A failed build is red itself; one that a person has marked as successful has built nothing.
        return "failed" if build == "success" else "left_out"
    if found["status"] == LEFT_OUT:
        return "left_out"
    if found["status"] in _BUILT and "fail" in said and all(status in {*_BUILT, "fail"} for status in said):
        return "tests_failed"
    return "failed"


@dataclass
class BuildState:
    """What the triggerer knows of one build, for the tasks of all its models: Airflow is asked once for all of them."""

    dag_id: str
    run_id: str
    task_id: str
    read_at: float = -1.0
    state_read_at: float = -1.0
    state: str | None = None
    nodes: Mapping[str, NodeReport] = field(default_factory=dict)
    compiled: dict[str, Mapping[str, str]] = field(default_factory=dict)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def refresh(self, max_age_s: float) -> None:
        """Ask again what is older than ``max_age_s`` seconds: first for the state, then for the reports.

        The state, which changes once, is asked for less often.
        """
        async with self.lock:
            now = time.monotonic()
            if now - self.read_at < max_age_s:
                return
            if now - self.state_read_at >= 2 * _STATE_EVERY * max_age_s:
                self.state = (await read_states(self.dag_id, self.run_id, [self.task_id]))[self.task_id]
                self.state_read_at = time.monotonic()
            self.nodes = await read_xcom(self.dag_id, self.run_id, self.task_id, REPORTS) or {}
            self.read_at = time.monotonic()

    async def read_sql(self, model: str) -> str | None:
        """The compiled SQL of a model that was reported."""
        key = self.nodes[model].get("sql") if model in self.nodes else None
        if key is None:
            return None
        async with self.lock:
            if key not in self.compiled:
                self.compiled[key] = await read_xcom(self.dag_id, self.run_id, self.task_id, key) or {}
        return self.compiled[key].get(model)


async def read_states(dag_id: str, run_id: str, task_ids: Sequence[str]) -> dict[str, str | None]:
    """Airflow's states of tasks of a run."""
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
    from asgiref.sync import sync_to_async

    found = await sync_to_async(RuntimeTaskInstance.get_task_states)(
        dag_id=dag_id, task_ids=list(task_ids), run_ids=[run_id]
    )
    states = found.get(run_id, {})
    return {task_id: str(states[task_id]) if states.get(task_id) else None for task_id in task_ids}


async def read_xcom(dag_id: str, run_id: str, task_id: str, key: str) -> Any:
    """An XCom of a task; None if there is none."""
    from airflow.sdk.execution_time.xcom import XCom
    from asgiref.sync import sync_to_async

    return await sync_to_async(XCom.get_one)(dag_id=dag_id, run_id=run_id, task_id=task_id, key=key)


class ModelTrigger(BaseTrigger):  # type: ignore[misc]
    """Ends the task of a model as the build says; the scheduler starts it without a worker.

    A task that is cleared alone, after the build, has its model built by a worker, once the tasks upstream have
    succeeded. One that is cleared together with the build follows it again.

    Args:
        model: the unique id of the dbt model.
        build_task: the id of the task that runs dbt.
        tests: the names of the model's tests, by unique id.
        upstream: the ids of the tasks of the models that it reads.
        poll_interval_s: seconds between two looks at what the build has reported.
    """

    builds: ClassVar[dict[tuple[str, str, str], BuildState]] = {}

    def __init__(
        self, model: str, build_task: str, tests: Mapping[str, str], upstream: Sequence[str], poll_interval_s: float
    ) -> None:
        super().__init__()
        self.model, self.build_task = model, build_task
        self.tests, self.upstream, self.poll_interval_s = dict(tests), list(upstream), poll_interval_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments, for the triggerer that takes it over."""
        names = ("model", "build_task", "tests", "upstream", "poll_interval_s")
        return f"{type(self).__module__}.{type(self).__qualname__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """One event: the task's end, or that a worker builds the model."""
        build, is_first_try = self._find_build(), self.task_instance.try_number == 1
        await build.refresh(0.0 if not is_first_try else self.poll_interval_s / 2)
        if not is_first_try and build.state in _OVER:
            yield await self._wait_for_turn()
            return
        while (ending := self._decide(build, is_first_try)) is None:
            await asyncio.sleep(self.poll_interval_s)
            await build.refresh(self.poll_interval_s / 2)
        if ending == "left_out" and build.state != "skipped":
            await self._wait_for_upstream()  # what comes after finds the tasks that failed at their end
        if sql := await build.read_sql(self.model):
            log.info("Compiled SQL:\n%s", sql)
        yield self._end(ending, build.nodes)

    def _decide(self, build: BuildState, is_first_try: bool) -> Ending | None:
        return decide_ending(build.state, build.nodes, self.model, [*self.tests], is_first_try=is_first_try)

    def _find_build(self) -> BuildState:
        ti = self.task_instance
        stale = [key for key, build in self.builds.items() if 0 < build.read_at < time.monotonic() - _KEPT_S]
        for key in stale:
            del self.builds[key]
        key = (ti.dag_id, ti.run_id, self.build_task)
        return self.builds.setdefault(key, BuildState(*key))

    async def _wait_for_turn(self) -> TriggerEvent:
        states = await self._wait_for_upstream()
        if failed := sorted(name for name, state in states.items() if state != "success"):
            log.warning("Not built, for want of %s. Clear them together with this task.", ", ".join(failed))
            return TaskSkippedEvent()
        return TriggerEvent({"status": BUILD_IT})

    async def _wait_for_upstream(self) -> dict[str, str | None]:
        """The states of the tasks upstream once they have ended; some may have been cleared too."""
        ti = self.task_instance
        while self.upstream:
            states = await read_states(ti.dag_id, ti.run_id, self.upstream)
            if _OVER.issuperset(states.values()):
                return states
            await asyncio.sleep(self.poll_interval_s)
        return {}

    def _end(self, ending: Ending, nodes: Mapping[str, NodeReport]) -> TriggerEvent:
        """The event of an ending, with its reason in the task's log."""
        name, found = self.model.split(".")[-1], nodes.get(self.model)
        if found and found["message"]:
            log.info("%s", found["message"])
        match ending:
            case "built":
                return TaskSuccessEvent()
            case "left_out":
                log.warning("dbt left %s out: what it reads failed, or nothing was to be built.", name)
                return TaskSkippedEvent()
            case "tests_failed":
                failed = {
                    self.tests[test]: nodes[test]["message"] for test in self.tests if nodes[test]["status"] == "fail"
                }
                return TriggerEvent(
                    {"status": FAIL, "reason": describe_failed_tests(name, failed), FAILED_TESTS: [*failed]}
                )
            case "failed":
                broken = {
                    self.tests[test]: nodes[test]["message"]
                    for test in self.tests
                    if test in nodes and nodes[test]["status"] not in {*_BUILT, "fail"}
                }
                said = found["message"] if found and found["status"] not in _BUILT else "its tests could not be run."
                reason = f"{name} was not built, or not tested; the log of {self.build_task} has more: {said}"
                return TriggerEvent({"status": FAIL, "reason": f"{reason}{list_tests(broken)}", FAILED_TESTS: []})


class CalledModelTrigger(ModelTrigger):
    """Of a task that has a callback on success, which Airflow calls for it; see ``model_ends``."""


def describe_failed_tests(model: str, tests: Mapping[str, str | None]) -> str:
    """What a person reads of a model whose tests failed, by name with dbt's message."""
    return (
        f"{model} was built, and tests of it failed: {list_tests(tests)}\n`dbt test --select {model}` shows the rows."
    )


def list_tests(tests: Mapping[str, str | None]) -> str:
    """A line for each test."""
    return "".join(f"\n  {name}: {message}" for name, message in tests.items())
