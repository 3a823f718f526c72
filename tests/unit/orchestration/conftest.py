"""Airflow in this process without touching the user's own files, and the Astro SDK over a real warehouse."""

from __future__ import annotations

import importlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from include.local.postgres import PostgresServer
from include.settings import PROJECT_ROOT
from include.warehouse.session import open_session
from tests.unit.governance.shop_project import fill_source, write_project


@pytest.fixture(scope="session")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home for Airflow; tests import Airflow after they have asked for it."""
    home = tmp_path_factory.mktemp("airflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_HOME", str(home))
        patch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
        patch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", f"sqlite:///{home}/airflow.db")
        yield home


@pytest.fixture
def sdk(airflow_home: Path, warehouse_uri: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The seam, with the connection ``warehouse`` leading to this test's database."""
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", warehouse_uri)
    return importlib.import_module("include.orchestration.astro_sdk")


@dataclass(frozen=True)
class ObservedRun:
    """What one run of ``observed_dag.py`` left behind."""

    uri: str
    log: str
    states: dict[str, str]
    events: list[dict[str, Any]]

    def list_datasets(self, job: str, event_type: str, side: str) -> list[list[str]]:
        """The tables, as ``schema.table``, of each such event."""
        return [
            [dataset["name"].split(".", 1)[1] for dataset in event[side]]
            for event in self.events
            if (event["job"]["name"], event["eventType"]) == (job, event_type)
        ]


@pytest.fixture(scope="session")
def observed_run(airflow_home: Path, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> ObservedRun:
    """One run of ``observed_dag.py`` in Airflow, with lineage going through the spool to the warehouse."""
    uri = postgres.create_database("observed", template="warehouse_template")
    fill_source(uri)
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW__OPENLINEAGE")},
        "AIRFLOW__CORE__ALLOWED_DESERIALIZATION_CLASSES": "airflow.* astro.*",
        "AIRFLOW__CORE__DAGS_FOLDER": str(Path(__file__).parent),
        "AIRFLOW__OPENLINEAGE__TRANSPORT": '{"type": "include.governance.transport.SpoolTransport"}',
        "AIRFLOW_CONN_WAREHOUSE": uri,
        "OBSERVED_DBT_PROJECT": str(write_project(tmp_path_factory.mktemp("shop"))),
        "ORRERY_LINEAGE_SPOOL": str(tmp_path_factory.mktemp("spool")),
        "PYTHONPATH": str(PROJECT_ROOT),
    }

    def run(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, *command], env=environment, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False
        )
        return done.stdout + done.stderr

    log = run("-m", "airflow", "db", "migrate") + run(str(Path(__file__).parent / "observed_dag.py"))
    log += run("-m", "include.governance.shipper", "--once")
    return ObservedRun(uri, log, read_states(airflow_home), read_events(uri))


def read_states(airflow_home: Path) -> dict[str, str]:
    """State of each task, mapped ones with their index."""
    with sqlite3.connect(airflow_home / "airflow.db") as database:
        rows = database.execute("select task_id, map_index, state from task_instance").fetchall()
    return {task_id if index < 0 else f"{task_id}[{index}]": state for task_id, index, state in rows}


def read_events(uri: str) -> list[dict[str, Any]]:
    """The events in the lineage store, oldest first."""
    with open_session(uri) as session:
        rows = session.fetch_all("select event from governance.lineage_events order by event_time, event_id")
    return [row["event"] for row in rows]
