"""Airflow connections as the plain URIs that the library takes.

Secrets live in connections only; this is the one place that reads them.
"""

from __future__ import annotations

import os
from typing import Any, Final

from include.governance.connection import build_warehouse_uri, find_warehouse_uri
from include.rollout.server_address import ServerAddress
from include.warehouse.migrate import check_migrated

WAREHOUSE: Final = "warehouse"
MLFLOW: Final = "mlflow"
MODEL_SERVER: Final = "model_server"
WANDB: Final = "wandb"
# Airflow's own name for it: airflow.sdk.execution_time.supervisor.ensure_secrets_backend_loaded.
_PROCESS_CONTEXT: Final = "_AIRFLOW_PROCESS_CONTEXT"


def read_connection(conn_id: str) -> Any:
    """The Airflow connection ``conn_id``."""
    from airflow.sdk import Connection

    return Connection.get(conn_id)


def read_wandb_key() -> str | None:
    """The key of Weights & Biases: the password of the connection ``wandb``; None where there is no such one."""
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        return read_connection(WANDB).password or None
    except AirflowNotFoundException:
        return None


def warehouse_uri() -> str:
    """The warehouse of a task that works with its tables, as :func:`read_warehouse_uri` gives it.

    Raises:
        WarehouseSchemaError: the warehouse lacks migrations of this release.
        WarehouseError: the warehouse cannot be reached.
    """
    uri = read_warehouse_uri()
    check_migrated(uri)
    return uri


def read_warehouse_uri() -> str:
    """The warehouse as a libpq URI, with the connection's extras that libpq knows, such as ``sslmode``."""
    return libpq_uri(read_connection(WAREHOUSE))


def locate_warehouse() -> str:
    """The warehouse, for a part of Airflow that runs no task, or for a command beside Airflow.

    Outside of tasks Airflow's SDK looks for connections in the environment alone, unless the process says that it is
    a server: then also where ``airflow connections`` and the UI keep them. Before the connection is there, as at the
    first ``astro dev start``, ``ORRERY_WAREHOUSE_URI`` counts.

    Raises:
        AirflowNotFoundException: neither is known.
    """
    from airflow.exceptions import AirflowNotFoundException

    before = os.environ.get(_PROCESS_CONTEXT)
    os.environ[_PROCESS_CONTEXT] = "server"
    try:
        return read_warehouse_uri()
    except AirflowNotFoundException:
        if uri := find_warehouse_uri(os.environ):
            return uri
        raise
    finally:
        if before is None:
            del os.environ[_PROCESS_CONTEXT]
        else:
            os.environ[_PROCESS_CONTEXT] = before


def libpq_uri(conn: Any, database: str = "") -> str:
    """A Postgres connection as ``postgresql://user:password@host:port/database?sslmode=…``.

    Args:
        database: for a connection that names none.
    """
    return build_warehouse_uri(
        conn.host, conn.port, conn.schema or database, conn.login, conn.password, conn.extra_dejson
    )


def mlflow_uri() -> str:
    """Base address of the MLflow server."""
    return http_address(read_connection(MLFLOW))


def model_server() -> ServerAddress:
    """The model server, and the token to ask it with: the connection's password."""
    conn = read_connection(MODEL_SERVER)
    return ServerAddress(http_address(conn), conn.password or "")


def http_address(conn: Any) -> str:
    """``http://host:port`` of an http connection, whose host may already carry the scheme."""
    host = conn.host if "://" in conn.host else f"{conn.schema or 'http'}://{conn.host}"
    return f"{host}:{conn.port}" if conn.port else str(host)
