"""What importing each DAG file costs, which every task of it pays again.

Measured: seconds to import one file of ``dags/``, in a fresh process in which ``airflow`` and
``airflow.sdk`` are imported already. The peer is that bare import, ``import airflow`` and
``airflow.sdk`` in a fresh process of its own, which no DAG file can do without; ``ratio`` (ours / peer)
is what the file adds to it. Aims: at most 0.5 s a file, 2 s for one with Astro SDK tasks.

Fair because: one process for each measurement, in turn with the bare import, modules compiled and
dbt's manifest made by a first round that does not count, the same environment for all.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.catalog import BenchmarkError, Options
from benchmarks.figure import Figure, compare
from benchmarks.surroundings import bare_airflow, temporary_folder
from benchmarks.timing import Measure, Tell, interleave
from include.settings import PROJECT_ROOT

REPETITIONS: Final = 5
BARE: Final = "import airflow, airflow.sdk"

# As Airflow's DAG processor: the garbage collector no longer looks at what is there before the first file,
# and a file is read by its path, as a module of its own.
_IMPORT: Final = """
import gc, importlib.util, sys, time
def load(path):
    spec = importlib.util.spec_from_file_location("measured_dag_file", path)
    module = sys.modules["measured_dag_file"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
began_at = time.perf_counter()
import airflow, airflow.sdk
if len(sys.argv) > 1:
    gc.freeze()
    began_at = time.perf_counter()
    load(sys.argv[1])
print(f"SECONDS={time.perf_counter() - began_at}")
"""


def measure(options: Options, tell: Tell) -> list[Figure]:
    """Seconds of each DAG file, beside those of the bare import."""
    paths = sorted((PROJECT_ROOT / "dags").glob("*.py"))
    with temporary_folder() as folder:
        environment = bare_airflow(folder)
        contestants: dict[str, Measure] = {BARE: partial(time_import, None, environment)}
        contestants |= {path.name: partial(time_import, path, environment) for path in paths}
        tell(f"  {len(paths)} files; the first round does not count")
        interleave(contestants, 1, lambda _: None)
        found = interleave(contestants, options.repetitions or REPETITIONS, tell)
    return [compare(f"import dags/{path.name}", found[path.name], found[BARE], "s", "ours / peer") for path in paths]


def time_import(path: Path | None, environment: dict[str, str]) -> float:
    """Seconds that a fresh process needs for the file, or for Airflow alone.

    Raises:
        BenchmarkError: the import fails; its message is quoted.
    """
    command = [sys.executable, "-c", _IMPORT, *([str(path)] if path else [])]
    done = subprocess.run(command, env=environment, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    line = next((line for line in done.stdout.splitlines() if line.startswith("SECONDS=")), None)
    if done.returncode != 0 or line is None:
        raise BenchmarkError(f"{path or BARE} cannot be imported:{os.linesep}{done.stderr[-2000:]}")
    return float(line.removeprefix("SECONDS="))
