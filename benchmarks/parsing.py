"""What importing each DAG file costs, which every task of it pays again, as shipped and with 50 declared models.

Measured: seconds to import one file of ``dags/``, in a fresh process in which ``airflow`` and
``airflow.sdk`` are imported already. The peer is that bare import, ``import airflow`` and
``airflow.sdk`` in a fresh process of its own, which no DAG file can do without; ``ratio`` (ours / peer)
is what the file adds to it. Aims: at most 0.5 s a file, 2 s for one with Astro SDK tasks. With 50 models (copies of the
shipped declarations under other names) the peer is the same file as shipped.

Fair because: one process for each measurement, in turn with the bare import, modules compiled and
dbt's manifest made by a first round that does not count, the same environment for all.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.catalog import BenchmarkError, Options
from benchmarks.figure import Figure, compare
from benchmarks.surroundings import bare_airflow, temporary_folder
from benchmarks.timing import Measure, Tell, interleave
from include.features.manifest import TARGET_VARIABLE, build_manifest, target_dir
from include.settings import CONFIG_DIR, PROJECT_ROOT

REPETITIONS: Final = 5
MODELS: Final = 50
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
    """Seconds of each DAG file, beside those of the bare import, and of each with 50 models beside those as shipped."""
    paths = sorted((PROJECT_ROOT / "dags").glob("*.py"))
    with temporary_folder() as folder:
        build_manifest()
        environment = {**bare_airflow(folder), TARGET_VARIABLE: str(target_dir())}
        crowded = {**environment, "ORRERY_CONFIG_DIR": str(declare_models(folder / "config", MODELS))}
        contestants: dict[str, Measure] = {BARE: partial(time_import, None, environment)}
        contestants |= {path.name: partial(time_import, path, environment) for path in paths}
        contestants |= {name_crowded(path): partial(time_import, path, crowded) for path in paths}
        tell(f"  {len(paths)} files; the first round does not count")
        interleave(contestants, 1, lambda _: None)
        found = interleave(contestants, options.repetitions or REPETITIONS, tell)
    shipped = [compare(f"import dags/{path.name}", found[path.name], found[BARE], "s", "ours / peer") for path in paths]
    return shipped + [
        compare(f"import dags/{name_crowded(path)}", found[name_crowded(path)], found[path.name], "s", "ours / peer")
        for path in paths
    ]


def name_crowded(path: Path) -> str:
    """How a file with many models is called among the figures."""
    return f"{path.name}, {MODELS} models"


def declare_models(folder: Path, count: int) -> Path:
    """A folder of settings with so many models: copies of those that are shipped, in turn, under other names."""
    shutil.copytree(CONFIG_DIR, folder)
    shipped = sorted((folder / "models").glob("*.yml"))
    texts = [path.read_text(encoding="utf-8") for path in shipped]
    for path in shipped:
        path.unlink()
    for number in range(count):
        (folder / "models" / f"model_{number:02}.yml").write_text(texts[number % len(texts)], encoding="utf-8")
    return folder


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
