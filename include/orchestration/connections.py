"""Airflow connections as the plain URIs that the library takes.

Secrets live in connections only; this is the one place that reads them.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

WAREHOUSE: Final = "warehouse"
MLFLOW: Final = "mlflow"
MODEL_SERVER: Final = "model_server"


def read_connection(conn_id: str) -> Any:
    """The Airflow connection ``conn_id``."""
    from airflow.sdk import Connection

    return Connection.get(conn_id)


def warehouse_uri() -> str:
    """``postgresql://user:password@host:port/database`` of the warehouse."""
    conn = read_connection(WAREHOUSE)
    login = f"{quote(conn.login or '', safe='')}:{quote(conn.password or '', safe='')}"
    return f"postgresql://{login}@{conn.host}:{conn.port or 5432}/{conn.schema}"


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
