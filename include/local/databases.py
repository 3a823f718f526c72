"""The stack's databases: one PostgreSQL server, one database each for the warehouse, Airflow and MLflow."""

from __future__ import annotations

import time
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from include.errors import StackError
from include.local.supervisor import Interruption, StartStep, Tell
from include.warehouse.migrate import migrate_warehouse

if TYPE_CHECKING:
    import psycopg

    from include.local.stack import Stack

WAREHOUSE: Final = "warehouse"
AIRFLOW: Final = "airflow"
MLFLOW: Final = "mlflow"


def start_databases(stack: Stack, tell: Tell, interruption: Interruption) -> None:
    """Start PostgreSQL, create what is absent, and bring the warehouse's schemas up to date.

    The warehouse stays fully durable. Airflow and MLflow may lose the last moment at a power cut
    (``synchronous_commit = off``), which makes their many small commits cheap.

    Raises:
        StackError: the server does not start, or does not know the stack's password.
        KeyboardInterrupt: the user wants to stop.
    """
    started_at = time.monotonic()
    address = f"postgresql://postgres@127.0.0.1:{stack.ports['postgres']}/{WAREHOUSE}"
    tell(StartStep("postgres", "starting", 0.0, address))
    stack.server.start()
    interruption.check()
    with _connect(stack) as connection:
        for name in (WAREHOUSE, AIRFLOW, MLFLOW):
            if not connection.execute("select 1 from pg_database where datname = %s", (name,)).fetchone():
                connection.execute(f'create database "{name}"')
        for name in (AIRFLOW, MLFLOW):
            connection.execute(f'alter database "{name}" set synchronous_commit = off')
    tell(StartStep("postgres", "healthy", time.monotonic() - started_at, address))
    started_at = time.monotonic()
    tell(StartStep("warehouse", "starting", 0.0))
    migrate_warehouse(stack.uris.warehouse)
    tell(StartStep("warehouse", "done", time.monotonic() - started_at))
    interruption.check()


def is_airflow_current(stack: Stack) -> bool:
    """Whether Airflow's tables were made by the version that is installed."""
    with _connect(stack) as connection:
        row = connection.execute(
            "select shobj_description(oid, 'pg_database') as note from pg_database where datname = %s", (AIRFLOW,)
        ).fetchone()
    return row is not None and row[0] == _airflow_note()


def note_airflow_version(stack: Stack) -> None:
    """Remember, in the database itself, which version its tables are of."""
    with _connect(stack) as connection:
        connection.execute(f"comment on database \"{AIRFLOW}\" is '{_airflow_note()}'")


def _airflow_note() -> str:
    return f"apache-airflow {version('apache-airflow')}"


def _connect(stack: Stack) -> psycopg.Connection[tuple[object, ...]]:
    import psycopg

    try:
        return psycopg.connect(stack.server.uri(), autocommit=True, connect_timeout=10)
    except psycopg.OperationalError as error:
        raise StackError(
            f"PostgreSQL on port {stack.ports['postgres']} does not let the stack in: {str(error).strip()}. "
            f"If {stack.home.secrets_file} is not the one that belongs to {stack.home.postgres}, "
            f"restore it, or delete {stack.home.path} to start from nothing."
        ) from error
