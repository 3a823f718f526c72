"""The DAGs as the DAG processor sees them, on a metadata database of this test's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from include.features.manifest import TARGET_VARIABLE, build_manifest

ROOT = Path(__file__).resolve().parents[2]


def airflow_test_environment(home: Path) -> dict[str, str]:
    """The variables without which Airflow would touch the user's own files."""
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        # No limit: how long an import takes says how busy the machine is.
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "0",
        "AIRFLOW__CORE__ENABLE_XCOM_PICKLING": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__OPENLINEAGE__DISABLED": "True",
        "PYTHONPATH": str(ROOT),
    }


DUMP_DAGS = """
import json
from airflow.dag_processing.dagbag import DagBag

def name_assets(condition):
    for part in getattr(condition, "objects", [condition] if condition else []):
        if hasattr(part, "objects"):
            yield from name_assets(part)
        elif hasattr(part, "name"):
            yield part.name

bag = DagBag()
print("DAGS=" + json.dumps({
    "errors": bag.import_errors,
    "dags": {
        dag_id: {
            "file": dag.fileloc, "tags": sorted(dag.tags), "doc": dag.doc_md, "catchup": dag.catchup,
            "max_active_runs": dag.max_active_runs,
            "tasks": {
                t.task_id: {
                    "owner": t.owner, "retries": t.retries, "upstream": sorted(t.upstream_task_ids),
                    "outlets": sorted(getattr(o, "name", str(o)) for o in t.outlets),
                    "downstream": sorted(t.downstream_task_ids),
                    "type": t.task_type, "mapped": t.is_mapped, "pool": t.pool, "has_policy": bool(t.has_retry_policy),
                    "tests": list(getattr(t, "tests", [])), "priority": t.priority_weight,
                    "trigger_rule": str(t.trigger_rule),
                    "links": [link.name for link in getattr(t, "operator_extra_links", ())],
                    "waits_in_a_slot": hasattr(t, "poke") and not getattr(t, "deferrable", False)
                    and t.mode != "reschedule",
                } for t in dag.tasks
            },
            "assets": list(name_assets(getattr(dag.timetable, "asset_condition", None))),
            "timetable": type(dag.timetable).__name__,
        } for dag_id, dag in bag.dags.items()
    },
}))
"""


DagBagReader = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def manifest_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with dbt's manifest, which build_features is rendered from."""
    folder = tmp_path_factory.mktemp("dbt-target")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(TARGET_VARIABLE, str(folder))
        build_manifest()
    return folder


@pytest.fixture(scope="session")
def read_dags(tmp_path_factory: pytest.TempPathFactory, manifest_dir: Path) -> DagBagReader:
    """Parses all DAG files in a process of their own: ``{"errors": …, "dags": …}``; takes more variables."""

    def read(**variables: str) -> dict[str, Any]:
        home = tmp_path_factory.mktemp("airflow")
        environment = {**os.environ, **airflow_test_environment(home), TARGET_VARIABLE: str(manifest_dir), **variables}
        done = subprocess.run(
            [sys.executable, "-c", DUMP_DAGS], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
        )
        line = next((line for line in done.stdout.splitlines() if line.startswith("DAGS=")), None)
        assert line, f"the DAGs could not be read:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
        return dict(json.loads(line.removeprefix("DAGS=")))

    return read


@pytest.fixture(scope="session")
def dag_bag(read_dags: DagBagReader) -> dict[str, Any]:
    """All DAGs of the project as it is shipped."""
    return read_dags()
