"""The stack's databases: one PostgreSQL server, one database each for the warehouse, Airflow and MLflow.

``python -m include.local.databases prepare`` makes them, and migrates the warehouse, as soon as the
server answers; ``migrate-airflow`` brings Airflow's tables to the installed version.
"""

from __future__ import annotations

import os
import runpy
import sys
import time
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from include.commands.console import run_command
from include.errors import StackError
from include.local.home import resolve_home
from include.servers.postgres import PostgresServer
from include.warehouse.migrate import migrate_warehouse

if TYPE_CHECKING:
    import psycopg

WAREHOUSE: Final = "warehouse"
AIRFLOW: Final = "airflow"
MLFLOW: Final = "mlflow"
_POLL_S: Final = 0.05


def prepare_databases(uri: str) -> None:
    """Create what is absent, and bring the warehouse's schemas up to date.

    The warehouse stays fully durable. Airflow and MLflow may lose the last moment at a power cut
    (``synchronous_commit = off``), which makes their many small commits cheap.

    Args:
        uri: the warehouse's.
    """
    with _connect(uri) as connection:
        for name in (WAREHOUSE, AIRFLOW, MLFLOW):
            if not connection.execute("select 1 from pg_database where datname = %s", (name,)).fetchone():
                connection.execute(f'create database "{name}"')
        for name in (AIRFLOW, MLFLOW):
            connection.execute(f'alter database "{name}" set synchronous_commit = off')
    migrate_warehouse(uri)


def migrate_airflow(uri: str) -> None:
    """Migrate Airflow's tables unless the installed version has made them; the database itself carries the note."""
    note = f"apache-airflow {version('apache-airflow')}"
    query = "select shobj_description(oid, 'pg_database') from pg_database where datname = %s"
    with _connect(uri) as connection:
        if connection.execute(query, (AIRFLOW,)).fetchone() == (note,):
            return
        sys.argv = ["airflow", "db", "migrate"]
        try:
            runpy.run_module("airflow", run_name="__main__", alter_sys=True)
        except SystemExit as ended:
            if ended.code:
                raise
        connection.execute(f"comment on database \"{AIRFLOW}\" is '{note}'")


def main() -> int:
    """Do what the first argument asks for; the exit code."""
    uri = os.environ["ORRERY_WAREHOUSE_URI"]
    while not PostgresServer(resolve_home().postgres, 0, "").is_ready:
        time.sleep(_POLL_S)
    {"prepare": prepare_databases, "migrate-airflow": migrate_airflow}[sys.argv[1]](uri)
    return 0


def _connect(uri: str) -> psycopg.Connection[tuple[object, ...]]:
    import psycopg

    try:
        return psycopg.connect(uri, dbname="postgres", autocommit=True, connect_timeout=10)
    except psycopg.OperationalError as error:
        home = resolve_home()
        raise StackError(
            f"PostgreSQL does not let the stack in: {str(error).strip()}. If {home.secrets_file} is not the one "
            f"that belongs to {home.postgres}, restore it, or delete {home.path} to start from nothing."
        ) from error


if __name__ == "__main__":
    sys.exit(run_command(main))
