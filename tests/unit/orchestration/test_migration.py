"""The warehouse is migrated when the scheduler starts, and what goes wrong does not keep Airflow from starting."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace

import pytest

from include.errors import WarehouseSchemaError
from include.local.postgres import PostgresServer
from include.warehouse.migrate import check_migrated


@pytest.fixture
def empty_uri(airflow_home: Path, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """The connection ``warehouse``, to a database in which nothing is."""
    uri = postgres.create_database("never_migrated")
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", uri)
    return uri


def test_the_start_of_the_scheduler_migrates_and_that_of_no_other_part(empty_uri: str) -> None:
    from include.orchestration.connections import warehouse_uri
    from include.orchestration.migration import MigrateAtStart

    MigrateAtStart().on_starting(SimpleNamespace(job_type="TriggererJob"))
    with pytest.raises(WarehouseSchemaError, match="lacks"):
        warehouse_uri()

    MigrateAtStart().on_starting(SimpleNamespace(job_type="SchedulerJob"))
    assert warehouse_uri()
    check_migrated(empty_uri)


def test_a_warehouse_that_is_away_is_logged_and_airflow_starts(
    airflow_home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture
) -> None:
    from include.orchestration.migration import MigrateAtStart, main

    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "postgresql://u:p@127.0.0.1:1/w")

    with caplog.at_level(logging.ERROR):
        MigrateAtStart().on_starting(SimpleNamespace(job_type="SchedulerJob"))

    assert "cannot be reached" in caplog.text
    assert main() == 1
    assert "cannot be reached" in capsys.readouterr().err
