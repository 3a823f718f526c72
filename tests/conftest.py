"""Fixtures on real parts: one PostgreSQL server a session, one fresh database a test."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.local.ports import find_free_port
from include.local.postgres import PostgresServer
from include.warehouse.migrate import migrate_warehouse

_counter = itertools.count()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A real PostgreSQL on loopback, with a migrated template database."""
    folder: Path = tmp_path_factory.mktemp("postgres")
    server = PostgresServer(folder / "data", find_free_port(), secrets.token_urlsafe(12))
    server.start()
    migrate_warehouse(server.create_database("warehouse_template"))
    yield server
    server.stop()


@pytest.fixture
def warehouse_uri(postgres: PostgresServer) -> str:
    """The URI of a fresh, migrated warehouse of this test's own."""
    return postgres.create_database(f"test_{next(_counter)}", template="warehouse_template")
