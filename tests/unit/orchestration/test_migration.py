"""The warehouse is migrated when Airflow starts, and what goes wrong does not keep Airflow from starting."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from include.errors import WarehouseSchemaError
from include.servers.postgres import PostgresServer
from include.settings import PROJECT_ROOT
from include.warehouse.migrate import check_migrated


def test_a_part_of_airflow_that_starts_migrates(postgres: PostgresServer, tmp_path: Path) -> None:
    uri = postgres.create_database("never_migrated")
    with pytest.raises(WarehouseSchemaError, match="lacks"):
        check_migrated(uri)
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/airflow.db",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT_ROOT / "plugins"),
        "AIRFLOW_CONN_WAREHOUSE": uri,
        "PYTHONPATH": str(PROJECT_ROOT),
    }

    # What the scheduler does first.
    code = "from airflow.jobs.job import Job; Job()"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    check_migrated(uri)


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
