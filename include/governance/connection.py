"""The warehouse's URI: out of an Airflow connection's fields, and for processes that do not import Airflow."""

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
# What libpq knows besides its ssl… options (https://www.postgresql.org/docs/current/libpq-connect.html). The other
# extras of a connection, such as cursor, speak to Airflow's hook, and libpq refuses a URI that names them.
_LIBPQ_OPTIONS: Final = frozenset(
    {
        "application_name", "channel_binding", "connect_timeout", "gssencmode", "keepalives", "keepalives_count",
        "keepalives_idle", "keepalives_interval", "krbsrvname", "load_balance_hosts", "options", "require_auth",
        "target_session_attrs", "tcp_user_timeout",
    }
)  # fmt: skip


def build_warehouse_uri(
    host: str | None,
    port: int | None,
    database: str | None,
    login: str | None,
    password: str | None,
    extra: Mapping[str, Any],
) -> str:
    """The fields of an Airflow connection as ``postgresql://user:password@host:port/database?option=value``.

    Everything is percent-quoted. Of the extras, those that libpq knows become its options: ``sslmode`` and
    the other ``ssl…`` ones, ``connect_timeout``, ``options``, and the like.

    Args:
        host: localhost when absent; an IPv6 address with or without its brackets.
        port: 5432 when absent.
    """
    place = quote((host or "localhost").strip("[]"), safe=":,")
    place = f"[{place}]" if ":" in place else place
    known = {key: value for key, value in extra.items() if key.startswith("ssl") or key in _LIBPQ_OPTIONS}
    # Not quote_plus, which is urlencode's own choice: libpq takes a plus for a plus.
    query = urlencode({key: str(value) for key, value in known.items() if value not in (None, "")}, quote_via=quote)
    target = f"{place}:{port or _DEFAULT_PORT}/{quote(database or '', safe='')}"
    uri = f"postgresql://{quote(login or '', safe='')}:{quote(password or '', safe='')}@{target}"
    return f"{uri}?{query}" if query else uri


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
    """An Airflow connection, as URI or as JSON, as :func:`build_warehouse_uri` writes it.

    Raises:
        SettingsError: it cannot be read, or is of another type than Postgres.
    """
    try:
        parts = _parse_json(text) if text.lstrip().startswith("{") else _parse_uri(text)
    except (ValueError, TypeError) as error:
        raise SettingsError(f"{CONNECTION_VARIABLE} cannot be read: {error}. Write it as a URI or as JSON.") from error
    if parts["conn_type"] not in _POSTGRES_TYPES:
        raise SettingsError(f"{CONNECTION_VARIABLE} is of type {parts['conn_type']!r}; the warehouse is a postgres.")
    return build_warehouse_uri(
        parts["host"], parts["port"], parts["schema"], parts["login"], parts["password"], parts["extra"]
    )


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
