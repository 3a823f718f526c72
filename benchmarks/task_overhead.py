"""What a task of ours costs under the scheduler besides its own work.

Measured: seconds per task, a DAG run's duration divided by its twelve tasks. Ours is a DAG built as the
project's are: ``dag_defaults``, settings loaded at the top of the file, ``@task`` and ``@traced``, a
tiny read from the warehouse in each task, its lineage reported. The peer is a DAG of empty ``@task``
functions that imports nothing but Airflow. ``ratio`` is ours / peer; the aim is at most 1.2. What the
tiny read itself takes, with its libraries (psycopg, the SQL parser of lineage) and once more without
them, is a figure of its own and is not subtracted.

Fair because: one stack, both DAGs of the same shape, runs in turn and never at once. Four steps in three
lanes, as wide as the executor, keep the processors busy, so that no cost hides in the scheduler's
pauses. OpenLineage is on for the whole stack: its start and end events are in both figures.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.catalog import Options
from benchmarks.figure import Figure, compare, state
from benchmarks.scheduler import own_stack, read_seconds, run_dag
from benchmarks.surroundings import temporary_folder
from benchmarks.timing import Tell, interleave

if TYPE_CHECKING:
    from include.commands.airflow_api import AirflowApi

REPETITIONS: Final = 9
OURS: Final = "traced_tasks"
PEER: Final = "empty_tasks"
DAGS: Final = Path(__file__).parent / "dags" / "overhead"


def measure(options: Options, tell: Tell) -> list[Figure]:
    """Seconds per task of both DAGs, and those of the read."""
    reads: list[list[float]] = []

    with temporary_folder() as home, own_stack(home, DAGS, tell) as stack:
        api = stack.airflow()
        api.wait_for_dags({OURS, PEER})
        tell("  one run of each that does not count")
        for dag_id in (OURS, PEER):
            run_dag(api, dag_id)
        contestants = {OURS: lambda: time_tasks(api, OURS, reads), PEER: lambda: time_tasks(api, PEER, None)}
        tell("  seconds per task")
        found = interleave(contestants, options.repetitions or REPETITIONS, tell)
    return [
        compare("one task under the scheduler", found[OURS], found[PEER], "s", "ours / peer"),
        state("the read inside of it, with its libraries", [first for first, _ in reads], "s"),
        state("the same read once more", [second for _, second in reads], "s"),
    ]


def time_tasks(api: AirflowApi, dag_id: str, reads: list[list[float]] | None) -> float:
    """Seconds per task of one run; ``reads`` receives what the tasks say that their reads took."""
    run = run_dag(api, dag_id)
    tasks: list[dict[str, Any]] = api.list_task_instances(dag_id, run["dag_run_id"])
    if reads is not None:
        reads += [list(api.read_xcom(dag_id, run["dag_run_id"], task["task_id"])) for task in tasks]
    return read_seconds(run) / len(tasks)
