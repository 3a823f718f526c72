"""A PostgreSQL that a test may break, and a plant's deliveries on it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from include.servers.postgres import PostgresServer, temporary_postgres
from include.settings.section import load_section
from include.settings.sources import SourceSettings
from include.warehouse.migrate import migrate_warehouse
from tests.folders import server_folder
from tests.unit.ingestion.conftest import DAY, SOURCES, Pipeline, Plant

NEXT_DAY = date(2026, 3, 10)
BIG_ROWS = 360_000
# Queries that find a row while the work is at a place.
COPYING = "select 1 from pg_stat_progress_copy where tuples_processed > 0"
INSERTING = """select 1 from pg_stat_activity where state = 'active' and query like 'insert into "raw"."readings"%'"""
WAITING = "select 1 from pg_stat_activity where wait_event_type = 'Lock'"
HASHING = (
    "select 1 from pg_stat_activity where state = 'active' "
    "and query like 'select batch_day, count(*) as row_count, coalesce%'"
)


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A PostgreSQL of this test's own, which it may stop."""
    with server_folder("faults") as folder, temporary_postgres(folder) as server:
        yield server


@pytest.fixture
def uri(server: PostgresServer) -> str:
    """A migrated warehouse on it."""
    uri = server.create_database("warehouse")
    migrate_warehouse(uri)
    return uri


@pytest.fixture
def pipeline(uri: str, tmp_path: Path) -> Pipeline:
    """A plant of which one small day is published, and whose next day is big."""
    pipeline = make_pipeline(uri, tmp_path)
    pipeline.load(DAY)
    return pipeline


def make_pipeline(uri: str, folder: Path) -> Pipeline:
    """A small day and a big one in files, of which nothing is loaded yet."""
    plant = Plant(folder)
    plant.write_snapshots(DAY)
    plant.write_day(DAY)
    plant.write_day(NEXT_DAY, lambda rows: rows * (BIG_ROWS // len(rows)))
    return Pipeline(uri, load_section(SOURCES, SourceSettings, "development"), folder)
