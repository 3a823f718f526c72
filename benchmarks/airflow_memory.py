"""How much memory Airflow's scheduler and DAG processor hold with 50 declared models.

Measured: unique memory (USS: what would be free if the process ended) of both processes in a stack with 50
models (copies of the shipped declarations under other names), once Airflow lists the DAGs of all of them and has
read each file once more. The peer is a stack with the declarations as shipped; ``ratio`` is ours / peer. Seconds
until all DAGs are listed, from a healthy stack on, are a figure beside them.

Fair because: one stack at a time, in turn, each with a new folder; no DAG runs, since there are no data; what the
services share with the process that they were forked from counts for neither side.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Final

import psutil  # type: ignore[import-untyped]

from benchmarks.catalog import Options
from benchmarks.figure import Figure, compare
from benchmarks.parsing import MODELS, declare_models
from benchmarks.scheduler import own_stack
from benchmarks.surroundings import changed_environment, temporary_folder
from benchmarks.timing import Measure, Tell, interleave
from include.local.home import resolve_home
from include.local.state import load_state
from include.settings import CONFIG_DIR, PROJECT_ROOT

REPETITIONS: Final = 2
PARSE_INTERVAL_S: Final = 40.0
SERVICES: Final = ("airflow-scheduler", "airflow-dag-processor")
OURS: Final = f"{MODELS} models"
PEER: Final = "as shipped"


def measure(options: Options, tell: Tell) -> list[Figure]:
    """Megabytes of both services, and seconds until the DAGs are listed, of both stacks."""
    with temporary_folder() as folder:
        configs = {OURS: declare_models(folder / "config", MODELS), PEER: CONFIG_DIR}
        memory: dict[str, dict[str, list[float]]] = {service: {side: [] for side in configs} for service in SERVICES}

        def run(side: str) -> float:
            home = folder / f"stack-{time.monotonic_ns()}"
            names = [path.stem for path in (configs[side] / "models").glob("*.yml")]
            with (
                changed_environment({"ORRERY_CONFIG_DIR": str(configs[side])}),
                own_stack(home, PROJECT_ROOT / "dags", tell) as stack,
            ):
                began_at = time.monotonic()
                stack.airflow().wait_for_dags({"build_features", *(f"{name}.train_candidates" for name in names)})
                seconds = time.monotonic() - began_at
                time.sleep(PARSE_INTERVAL_S)
                for service in SERVICES:
                    memory[service][side].append(read_unique_mb(home, service))
            return seconds

        contestants: dict[str, Measure] = {side: partial(run, side) for side in configs}
        listed = interleave(contestants, options.repetitions or REPETITIONS, tell)
    return [
        compare(f"until the DAGs of {MODELS} models are listed", listed[OURS], listed[PEER], "s", "ours / peer"),
        *(
            compare(f"memory of {name}", found[OURS], found[PEER], "MB", "ours / peer")
            for name, found in memory.items()
        ),
    ]


def read_unique_mb(home: Path, service: str) -> float:
    """The unique memory of a service of the stack in ``home``, in megabytes."""
    pid = load_state(resolve_home(home)).processes[service].pid
    return float(psutil.Process(pid).memory_full_info().uss) / 1e6
