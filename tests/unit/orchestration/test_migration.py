"""The warehouse is migrated when Airflow starts, and what goes wrong does not keep Airflow from starting."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from include.errors import WarehouseSchemaError
from include.governance.connection import URI_VARIABLE
from include.servers.postgres import PostgresServer
from include.settings import PROJECT_ROOT
from include.warehouse.migrate import check_migrated

# What the scheduler does first, and what a person does.
STARTS = "from airflow.jobs.job import Job; Job()"
BY_HAND = "import runpy; runpy.run_module('include.orchestration.migration', run_name='__main__')"
# As `airflow connections add` keeps it, and `astro dev start` with airflow_settings.yaml.
KEEP = """
import sys
from airflow import settings
from airflow.models.connection import Connection
Connection.metadata.create_all(settings.engine)
with settings.Session() as session:
    session.add(Connection(conn_id="warehouse", uri=sys.argv[1]))
    session.commit()
"""


@pytest.fixture
def new_warehouse(postgres: PostgresServer) -> str:
    """A database that nobody has migrated."""
    uri = postgres.create_database(f"never_migrated_{uuid4().hex[:8]}")
    with pytest.raises(WarehouseSchemaError, match="lacks"):
        check_migrated(uri)
    return uri


def run_airflow(home: Path, code: str, *arguments: str, **environment: str) -> None:
    """Run code in a process of Airflow's own, which knows no connection but those of its environment or database."""
    known = {name: value for name, value in os.environ.items() if name not in (URI_VARIABLE, "AIRFLOW_CONN_WAREHOUSE")}
    variables = {
        **known,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT_ROOT / "plugins"),
        "PYTHONPATH": str(PROJECT_ROOT),
        **environment,
    }
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_part_of_airflow_that_starts_migrates(new_warehouse: str, tmp_path: Path) -> None:
    run_airflow(tmp_path, STARTS, AIRFLOW_CONN_WAREHOUSE=new_warehouse)
    check_migrated(new_warehouse)


def test_a_connection_that_airflow_keeps_in_its_database_is_found(new_warehouse: str, tmp_path: Path) -> None:
    other = {URI_VARIABLE: "postgresql://u:p@127.0.0.1:1/another"}
    run_airflow(tmp_path, KEEP + STARTS, new_warehouse, **other)
    check_migrated(new_warehouse)


def test_before_there_is_a_connection_the_variable_counts(new_warehouse: str, tmp_path: Path) -> None:
    run_airflow(tmp_path, BY_HAND, **{URI_VARIABLE: new_warehouse})
    check_migrated(new_warehouse)


def test_without_either_the_command_says_what_is_not_defined(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="`warehouse` isn't defined"):
        run_airflow(tmp_path, BY_HAND)


def test_a_warehouse_that_is_away_is_logged_and_airflow_starts(
    airflow_home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture
) -> None:
    from include.orchestration.migration import MigrateAtStart, main

    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "postgresql://u:p@127.0.0.1:1/w")

    with caplog.at_level(logging.ERROR):
        MigrateAtStart().on_starting(None)

    # Airflow, when it is imported, takes the logs away from pytest.
    assert "cannot be reached" in caplog.text + "".join(capsys.readouterr())
    assert main() == 1
    assert "cannot be reached" in capsys.readouterr().err
