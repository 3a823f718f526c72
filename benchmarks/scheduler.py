"""A stack of a benchmark's own, and DAG runs on it with their seconds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.surroundings import changed_environment
from benchmarks.timing import Tell
from include.errors import StackError
from include.local.stack import running_stack

if TYPE_CHECKING:
    from include.commands.airflow_api import AirflowApi
    from include.local.stack import Stack
    from include.local.startup import StartStep

RUN_TIMEOUT_S: Final = 3600.0
_QUIET_S: Final = 8.0
_LOG_CHARACTERS: Final = 2_500


@contextmanager
def own_stack(home: Path, dags_folder: Path, tell: Tell) -> Iterator[Stack]:
    """A stack below ``home`` that knows the DAG files of ``dags_folder`` and no others; stopped at the end."""

    def report(step: StartStep) -> None:
        if step.state != "starting":
            tell(f"  {step.component} {step.state}, {step.seconds:.1f} s")

    settings = {"AIRFLOW__CORE__DAGS_FOLDER": str(dags_folder)}
    with changed_environment(settings), running_stack(home, report) as stack:
        yield stack


def run_dag(api: AirflowApi, dag_id: str, conf: dict[str, str] | None = None) -> dict[str, str]:
    """Run a DAG to its end; the run as Airflow describes it.

    Raises:
        StackError: it failed; the end of the first failed task's log is quoted.
    """
    run_id = str(api.trigger_run(dag_id, conf or {})["dag_run_id"])
    run: dict[str, str] = api.wait_for_run(dag_id, run_id, RUN_TIMEOUT_S)
    if run["state"] == "failed":
        raise StackError(explain_failure(api, dag_id, run_id))
    return run


def explain_failure(api: AirflowApi, dag_id: str, run_id: str) -> str:
    """Which tasks failed, and the end of the first one's log."""
    failed = [task for task in api.list_task_instances(dag_id, run_id) if task["state"] == "failed"]
    log = ""
    if failed:
        first = failed[0]
        log = api.read_log(dag_id, run_id, first["task_id"], first["try_number"], first["map_index"])
    names = ", ".join(str(task["task_id"]) for task in failed)
    return f"{dag_id} failed in {names}. The end of the log:\n{log[-_LOG_CHARACTERS:]}"


def read_seconds(run: dict[str, str]) -> float:
    """From the moment that a run was asked for to its end."""
    began_at, ended_at = (datetime.fromisoformat(run[key]) for key in ("queued_at", "end_date"))
    return (ended_at - began_at).total_seconds()


def wait_until_quiet(api: AirflowApi) -> None:
    """Wait until nothing has run or queued for some seconds, so that what assets start is over, too.

    Raises:
        StackError: it takes longer than an hour.
    """
    quiet_since = None
    ends_at = time.monotonic() + RUN_TIMEOUT_S
    while quiet_since is None or time.monotonic() - quiet_since < _QUIET_S:
        if time.monotonic() > ends_at:
            raise StackError(f"The stack is still at work after {RUN_TIMEOUT_S:.0f} s. See its logs.")
        is_busy = any(run["state"] in {"queued", "running"} for run in api.list_runs())
        quiet_since = None if is_busy else quiet_since or time.monotonic()
        time.sleep(0.5)
