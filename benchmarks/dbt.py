"""The dbt build through Cosmos, in two execution modes, against one plain ``dbt build``.

Measured: seconds from asking for a run of ``build_features`` as shipped (``ExecutionMode.WATCHER``) to
its end, of the same DAG in ``ExecutionMode.LOCAL`` (``benchmarks/dags/modes``), and of the process
``dbt build``; each from nothing (all that dbt has built is dropped before) and once more with nothing
new. ``ratio`` is what the tasks, their logs and their lineage cost over plain dbt (ours / peer), and
what the mode that is shipped saves over the other one (peer / ours).

Fair because: the same models, tests, vars, threads, server and data, which an ingestion through the
same scheduler has published; unit tests are left out by all three; in LOCAL, tests of several models
are tasks of their own, without which they would run too early; plain dbt keeps its parsed project
between repetitions; and the rows that each has built are compared.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from benchmarks.catalog import BenchmarkError, Options
from benchmarks.figure import Figure, compare
from benchmarks.scheduler import own_stack, read_seconds, run_dag, wait_until_quiet
from benchmarks.surroundings import temporary_folder
from benchmarks.timing import Measure, Tell, interleave
from include.example.panel import write_shop_sources
from include.local.home import StackHome
from include.settings import PROJECT_ROOT, load_settings
from include.settings.clock import read_today
from include.warehouse.session import open_session

if TYPE_CHECKING:
    from include.commands.airflow_api import AirflowApi

REPETITIONS: Final = 3
HOUSEHOLDS: Final = 400
WATCHER: Final = "build_features"
LOCAL: Final = "build_features_local"
PLAIN: Final = "dbt build"
BUILT_SCHEMAS: Final = ("staging", "intermediate", "features", "latest")
VARIANTS: Final = ("from nothing", "nothing new")
DAG_FILES: Final = (
    PROJECT_ROOT / "dags" / "ingest_sources.py",
    PROJECT_ROOT / "dags" / "build_features.py",
    Path(__file__).parent / "dags" / "modes" / "build_features_local.py",
)


def measure(options: Options, tell: Tell) -> list[Figure]:
    """Seconds of the three, in both variants."""
    with temporary_folder() as folder:
        home, dags = folder / "home", folder / "dags"
        dags.mkdir()
        for path in DAG_FILES:
            shutil.copy(path, dags)
        sample = HOUSEHOLDS if options.households is None else options.households or None
        panel = write_shop_sources(StackHome(home).sources, read_today(load_settings().sources.time_zone), 0, sample)
        with own_stack(home, dags, tell) as stack:
            api, uri = stack.airflow(), stack.uris.warehouse
            api.wait_for_dags({"ingest_sources", WATCHER, LOCAL})
            tell(f"  loading {panel.rows['transactions']:,} lines")
            run_dag(api, "ingest_sources", {"from_day": str(panel.first_day), "to_day": str(panel.history_to)})
            wait_until_quiet(api)
            api.set_paused("ingest_sources", is_paused=True)
            builds: dict[str, Measure] = {dag_id: partial(time_dag, api, dag_id) for dag_id in (WATCHER, LOCAL)}
            builds[PLAIN] = partial(time_plain_build, uri, folder / "plain-target")
            builds[PLAIN]()
            found = measure_builds(uri, builds, options.repetitions or REPETITIONS, tell)
    return [figure for variant in VARIANTS for figure in compare_modes(variant, found)]


def measure_builds(
    uri: str, builds: dict[str, Measure], repetitions: int, tell: Tell
) -> dict[str, dict[str, list[float]]]:
    """By variant and build: seconds. What "from nothing" builds is where "nothing new" starts."""
    again: dict[str, list[float]] = {name: [] for name in builds}
    rows: set[int] = set()

    def build_twice(name: str) -> float:
        drop_models(uri)
        seconds = builds[name]()
        rows.add(count_features(uri))
        again[name].append(builds[name]())
        tell(f"    {name} with nothing new: {again[name][-1]:.3f}")
        return seconds

    tell("  from nothing, seconds")
    first = interleave({name: partial(build_twice, name) for name in builds}, repetitions, tell)
    if len(rows) != 1 or not min(rows):
        raise BenchmarkError(f"The builds left {sorted(rows)} rows of features: they did not do the same work.")
    return dict(zip(VARIANTS, (first, again), strict=True))


def compare_modes(variant: str, found: dict[str, dict[str, list[float]]]) -> list[Figure]:
    """The two modes beside plain dbt, and beside each other."""
    watcher, local, plain = (found[variant][name] for name in (WATCHER, LOCAL, PLAIN))
    return [
        compare(f"build_features (WATCHER), {variant}; peer: dbt build", watcher, plain, "s", "ours / peer"),
        compare(f"build_features (LOCAL), {variant}; peer: dbt build", local, plain, "s", "ours / peer"),
        compare(f"WATCHER, {variant}; peer: LOCAL", watcher, local, "s"),
    ]


def time_dag(api: AirflowApi, dag_id: str) -> float:
    """Seconds of one run of a DAG."""
    return read_seconds(run_dag(api, dag_id))


def time_plain_build(uri: str, target: Path) -> float:
    """Seconds of one process ``dbt build``.

    Raises:
        BenchmarkError: it fails; dbt's own words are quoted.
    """
    where, project = urlsplit(uri), PROJECT_ROOT / "dbt"
    environment = {
        **os.environ, "ORRERY_DBT_HOST": str(where.hostname), "ORRERY_DBT_PORT": str(where.port),
        "ORRERY_DBT_USER": str(where.username), "ORRERY_DBT_PASSWORD": str(where.password),
        "ORRERY_DBT_DATABASE": where.path.lstrip("/"), "DBT_SEND_ANONYMOUS_USAGE_STATS": "False",
    }  # fmt: skip
    command = [
        sys.executable, "-m", "dbt.cli.main", "--no-use-colors", "build", "--exclude-resource-type", "unit_test",
        "--project-dir", str(project),
        "--profiles-dir", str(project), "--target-path", str(target), "--log-path", str(target / "logs"),
    ]  # fmt: skip
    began_at = time.perf_counter()
    done = subprocess.run(command, env=environment, cwd=project, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began_at
    if done.returncode != 0:
        raise BenchmarkError(f"dbt build failed:\n{done.stdout[-2500:]}{done.stderr[-500:]}")
    return seconds


def drop_models(uri: str) -> None:
    """Drop all that dbt has built."""
    with open_session(uri) as session:
        for schema in BUILT_SCHEMAS:
            session.execute(f"drop schema if exists {schema} cascade")
            session.execute(f"create schema {schema}")


def count_features(uri: str) -> int:
    """Rows of the features that a build has left."""
    with open_session(uri) as session:
        return int(session.fetch_value("select count(*) from features.customer_features"))
