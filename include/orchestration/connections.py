"""Airflow connections as the plain URIs that the library takes.

Secrets live in connections only; this is the one place that reads them.
"""

from __future__ import annotations

from typing import Any, Final

from include.governance.connection import build_warehouse_uri
from include.warehouse.migrate import check_migrated

WAREHOUSE: Final = "warehouse"
MLFLOW: Final = "mlflow"
MODEL_SERVER: Final = "model_server"


def read_connection(conn_id: str) -> Any:
    """The Airflow connection ``conn_id``."""
    from airflow.sdk import Connection

    return Connection.get(conn_id)


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


def model_server_url() -> str:
    """Base address of the model server."""
    return http_address(read_connection(MODEL_SERVER))


def http_address(conn: Any) -> str:
    """``http://host:port`` of an http connection, whose host may already carry the scheme."""
    host = conn.host if "://" in conn.host else f"{conn.schema or 'http'}://{conn.host}"
    return f"{host}:{conn.port}" if conn.port else str(host)
