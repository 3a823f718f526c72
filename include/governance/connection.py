"""Where the warehouse is, for processes that carry lineage and do not import Airflow."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from include.errors import SettingsError

URI_VARIABLE: Final = "ORRERY_WAREHOUSE_URI"
CONNECTION_VARIABLE: Final = "AIRFLOW_CONN_WAREHOUSE"
_POSTGRES_TYPES: Final = ("postgres", "postgresql")
_DEFAULT_PORT: Final = 5432


def find_warehouse_uri(environment: Mapping[str, str]) -> str | None:
    """The warehouse's URI: ``ORRERY_WAREHOUSE_URI``, else the Airflow connection's own variable, else None.

    Raises:
        SettingsError: the variable is set, but is no PostgreSQL connection.
    """
    uri = environment.get(URI_VARIABLE)
    if uri:
        return uri
    connection = environment.get(CONNECTION_VARIABLE)
    return parse_airflow_connection(connection) if connection else None


def parse_airflow_connection(text: str) -> str:
    """An Airflow connection, as URI or as JSON, as ``postgresql://user:password@host:port/database``.

    Of its extras only the ``ssl…`` options are kept, which libpq knows by the same names.

    Raises:
        SettingsError: it cannot be read, or is of another type than Postgres.
    """
    try:
        parts = _parse_json(text) if text.lstrip().startswith("{") else _parse_uri(text)
    except (ValueError, TypeError) as error:
        raise SettingsError(f"{CONNECTION_VARIABLE} cannot be read: {error}. Write it as a URI or as JSON.") from error
    if parts["conn_type"] not in _POSTGRES_TYPES:
        raise SettingsError(f"{CONNECTION_VARIABLE} is of type {parts['conn_type']!r}; the warehouse is a postgres.")
    login = f"{quote(parts['login'], safe='')}:{quote(parts['password'], safe='')}"
    options = {key: value for key, value in parts["extra"].items() if key.startswith("ssl")}
    query = f"?{urlencode(options)}" if options else ""
    return f"postgresql://{login}@{parts['host']}:{parts['port']}/{quote(parts['schema'], safe='')}{query}"


def _parse_json(text: str) -> dict[str, Any]:
    content = json.loads(text)
    extra = content.get("extra") or {}
    return {
        "conn_type": str(content["conn_type"]) if "conn_type" in content else "",
        "login": str(content.get("login") or ""),
        "password": str(content.get("password") or ""),
        "host": str(content.get("host") or "localhost"),
        "port": int(content.get("port") or _DEFAULT_PORT),
        "schema": str(content.get("schema") or ""),
        "extra": json.loads(extra) if isinstance(extra, str) else dict(extra),
    }


def _parse_uri(text: str) -> dict[str, Any]:
    parts = urlsplit(text)
    extra = dict(parse_qsl(parts.query))
    return {
        "conn_type": parts.scheme,
        "login": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "host": unquote(parts.hostname or "localhost"),
        "port": parts.port or _DEFAULT_PORT,
        "schema": unquote(parts.path.lstrip("/")),
        "extra": {**extra, **json.loads(extra.get("__extra__", "{}"))},
    }
