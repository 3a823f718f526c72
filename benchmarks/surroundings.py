"""Where a benchmark runs: a temporary folder, an environment, a PostgreSQL server, all gone at the end."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from include.local.environment import base_environment
from include.settings import PROJECT_ROOT


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder of this benchmark's own; PostgreSQL's files in it may belong to another user."""
    folder = Path(tempfile.mkdtemp(prefix="orrery-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def changed_environment(changes: Mapping[str, str]) -> Iterator[None]:
    """This process's environment with ``changes``, put back afterwards."""
    before = dict(os.environ)
    os.environ.update(changes)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def bare_airflow(home: Path) -> dict[str, str]:
    """An environment in which Airflow reads and writes below ``home`` only, and reports nothing."""
    return {
        **base_environment(os.environ),
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT_ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT_ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__ENABLE_XCOM_PICKLING": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__OPENLINEAGE__DISABLED": "True",
        "ORRERY_DBT_TARGET": str(home / "dbt-target"),
    }
