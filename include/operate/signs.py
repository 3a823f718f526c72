"""Signs of life of a running Airflow that its runs and tasks do not show: heartbeats, import errors, task logs."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from include.errors import StackError

if TYPE_CHECKING:
    from include.commands.airflow_api import AirflowApi

_WORKING: Final = frozenset({"running", "restarting"})
_SHOWN_LINES: Final = 12


def read_signs(api: AirflowApi, logs: Path, *, is_working: bool) -> Hashable:
    """What changes while Airflow gets on.

    Args:
        logs: Airflow's folder of logs.
        is_working: a task runs. Then the scheduler's heartbeat is a sign of life: Airflow itself ends a task that
            no longer beats. A scheduler that has nothing to do beats as well, so that without a task it is none.
    """
    try:
        errors = frozenset((item["filename"], item["stack_trace"]) for item in api.list_import_errors())
        health = api.read_health() if is_working else {}
    except StackError:
        return (sum_task_logs(logs), "Airflow does not answer")
    scheduler = health.get("scheduler") or {}
    return (sum_task_logs(logs), errors, scheduler.get("latest_scheduler_heartbeat"))


def sum_task_logs(logs: Path) -> int:
    """The size of the logs of all tasks, in bytes; those of the services grow with every look and do not count."""
    size = 0
    for path in logs.glob("dag_id=*/**/*"):
        try:
            size += path.stat().st_size
        except OSError:
            continue
    return size


def is_any_working(tasks: Iterable[dict[str, Any]]) -> bool:
    """Whether one of the task instances is being worked on."""
    return any(task["state"] in _WORKING for task in tasks)


def describe_import_errors(api: AirflowApi) -> str:
    """The DAG files that Airflow cannot read, each with the end of its error; empty when there are none."""
    try:
        broken = api.list_import_errors()
    except StackError as error:
        return str(error)
    parts = []
    for item in broken:
        end = "\n".join(item["stack_trace"].strip().splitlines()[-_SHOWN_LINES:])
        parts.append(f"Airflow cannot import {item['filename']}:\n{end}")
    return "\n".join(parts)
