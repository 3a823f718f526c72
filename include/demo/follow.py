"""Follows the chain of DAG runs that one trigger sets off, and answers what waits for a person."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from include.errors import StackError
from include.local.airflow_api import FINAL_STATES

if TYPE_CHECKING:
    from include.local.airflow_api import AirflowApi

_POLL_S: Final = 0.5

Tell = Callable[[str], None]


@dataclass
class Follower:
    """Waits for runs in the order in which they happen; each run is waited for once.

    Attributes:
        check: called on every look; raises StackError when there is nothing to wait for any more.
    """

    api: AirflowApi
    check: Callable[[], None] = lambda: None
    seen: set[tuple[str, str]] = field(default_factory=set)

    def trigger(self, dag_id: str, conf: dict[str, Any]) -> str:
        """Start a run by hand; its id."""
        return str(self.api.trigger_run(dag_id, conf=conf)["dag_run_id"])

    def wait(
        self,
        dag_id: str,
        tell: Tell,
        *,
        after: datetime,
        meant_by: str | None = None,
        must_run: str | None = None,
        timeout_s: float = 900,
        on_poll: Callable[[str], None] | None = None,
    ) -> dict[str, Any]:
        """Wait for a run of ``dag_id`` that started after ``after``, to its end.

        Args:
            meant_by: a task that succeeds in the run that is meant; a run in which it does not had
                nothing to do and is passed over.
            must_run: a task that must succeed in the run that is meant.
            on_poll: called with the run's id on every look.

        Raises:
            StackError: the run failed, it skipped ``must_run``, or nothing ended in time; the message
                ends with the logs of the tasks that say why.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            self.check()
            for run in self._new_runs(dag_id, after):
                if on_poll is not None:
                    on_poll(run["dag_run_id"])
                tasks = self.api.list_task_instances(dag_id, run["dag_run_id"])
                tell(describe_tasks(tasks))
                if run["state"] in FINAL_STATES:
                    self.seen.add((dag_id, run["dag_run_id"]))
                    if run["state"] == "failed":
                        raise StackError(self._explain(dag_id, run["dag_run_id"], tasks, "failed"))
                    if meant_by is not None and not has_run(tasks, meant_by):
                        continue
                    if must_run is not None and not has_run(tasks, must_run):
                        raise StackError(self._explain(dag_id, run["dag_run_id"], tasks, "skipped"))
                    return run
            time.sleep(_POLL_S)
        raise StackError(f"No run of {dag_id} ended within {timeout_s:.0f} s. Look at it in the Airflow UI.")

    def _new_runs(self, dag_id: str, after: datetime) -> list[dict[str, Any]]:
        runs = self.api.list_runs(dag_id)
        fresh = [
            run
            for run in runs
            if (dag_id, run["dag_run_id"]) not in self.seen
            and datetime.fromisoformat(run["queued_at"] or run["run_after"]) >= after - timedelta(seconds=1)
        ]
        return sorted(fresh, key=lambda run: str(run["run_after"]))

    def _explain(self, dag_id: str, run_id: str, tasks: list[dict[str, Any]], state: str) -> str:
        """The run's tasks in a state, with the end of the logs of those that started."""
        chosen = [task for task in tasks if task["state"] == state]
        verb = "failed in" if state == "failed" else "stopped early: it skipped"
        names = ", ".join(name_task(task) for task in chosen) or "no task of its own; look at it in the Airflow UI"
        lines = [f"{dag_id} {verb} {names} (run {run_id})."]
        started = [task for task in chosen if task["try_number"]]
        for task in started[:2]:
            log = self.api.read_log(dag_id, run_id, task["task_id"], task["try_number"], task["map_index"])
            lines.append(f"--- end of the log of {task['task_id']}:\n{log[-2500:]}")
        return "\n".join(lines)


def now() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)


def has_run(tasks: list[dict[str, Any]], task_id: str) -> bool:
    """Whether a task succeeded."""
    return any(task["task_id"] == task_id and task["state"] == "success" for task in tasks)


def describe_tasks(tasks: list[dict[str, Any]]) -> str:
    """In a few words: how many tasks are done and which run now."""
    done = sum(task["state"] in {"success", "skipped", "failed", "upstream_failed"} for task in tasks)
    running = [name_task(task) for task in tasks if task["state"] in {"running", "awaiting_input"}]
    failing = Counter(task["state"] for task in tasks)["up_for_retry"]
    parts = [f"{done}/{len(tasks)} tasks"]
    if running:
        parts.append(", ".join(running[:3]))
    if failing:
        parts.append(f"{failing} waiting to retry")
    return " · ".join(parts)


def name_task(task: dict[str, Any]) -> str:
    """The task's id without its group, with the name of a mapped one."""
    short = str(task["task_id"]).removeprefix("dbt.")
    return f"{short}[{task['rendered_map_index']}]" if task.get("rendered_map_index") else short
