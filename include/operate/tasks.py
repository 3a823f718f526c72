"""Task instances of a DAG run in words."""

from __future__ import annotations

import re
from collections import Counter
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from include import errors
from include.errors import OrreryError, StackError

if TYPE_CHECKING:
    from include.commands.airflow_api import AirflowApi

_DONE: Final = frozenset({"success", "skipped", "failed", "upstream_failed", "removed"})
_SHOWN: Final = frozenset({"running", "awaiting_input"})
_LOG_CHARACTERS: Final = 2500
# As include.commands.airflow_api.format_error writes one: up to the next entry, which begins with its time.
_EXCEPTION: Final = re.compile(r"^  (\w+): (.*(?:\n(?!\d{4}-|  \w+: |  \S+:\d+ in ).*)*)", re.MULTILINE)


def has_run(tasks: list[dict[str, Any]], pattern: str) -> bool:
    """Whether a task succeeded whose id is ``pattern``, such as ``score`` or ``publish_*``."""
    return any(fnmatchcase(task["task_id"], pattern) and task["state"] == "success" for task in tasks)


def describe_tasks(tasks: list[dict[str, Any]]) -> str:
    """In a few words: how many tasks are done and which run now."""
    done = sum(task["state"] in _DONE for task in tasks)
    running = [name_task(task) for task in tasks if task["state"] in _SHOWN]
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


def find_reason(log: str) -> str | None:
    """The message of the last exception in a log, where it is one of ours and says all that a person needs."""
    found = _EXCEPTION.findall(log)
    if not found or found[-1][0] not in _list_errors():
        return None
    return str(found[-1][1]).strip()


def _list_errors() -> set[str]:
    return {name for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, OrreryError)}


def explain_run(api: AirflowApi, dag_id: str, run_id: str, tasks: list[dict[str, Any]], state: str) -> str:
    """The run's tasks in a state, with the errors of ours that ended them, or else the end of their logs."""
    chosen = [task for task in tasks if task["state"] == state]
    verb = "failed in" if state == "failed" else "stopped early: it skipped"
    names = ", ".join(name_task(task) for task in chosen) or "no task of its own; look at it in the Airflow UI"
    lines = [f"{dag_id} {verb} {names} (run {run_id})."]
    for task in [task for task in chosen if task["try_number"]][:2]:
        try:
            log = api.read_log(dag_id, run_id, task["task_id"], task["try_number"], task["map_index"])
        except StackError as error:
            log = f"(it cannot be read: {error})"
        if reason := find_reason(log):
            lines.append(f"{name_task(task)}: {reason}")
        else:
            lines.append(f"--- end of the log of {task['task_id']}:\n{log[-_LOG_CHARACTERS:]}")
    return "\n".join(lines)
