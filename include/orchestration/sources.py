"""The sources, opened with Airflow's connections."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk.exceptions import AirflowNotFoundException

from include.errors import SourceError
from include.orchestration.connections import read_connection
from include.settings.source_base import ConnectedSource
from include.settings.sources import SourceSettings, sources_root
from include.sources.deliveries import SourceOpener
from include.sources.source import SourceAccess


def open_sources(settings: SourceSettings) -> SourceOpener:
    """Opens sources within a task."""
    return SourceOpener(settings, sources_root(settings), read_access)


async def open_sources_in_triggerer(settings: SourceSettings, names: list[str]) -> SourceOpener:
    """Opens these sources in the triggerer, whose event loop must not wait for a connection."""
    from airflow.sdk import Connection

    found: dict[str, SourceAccess] = {}
    for source in map(settings.find_source, names):
        if isinstance(source, ConnectedSource) and source.connection not in found:
            try:
                conn = await Connection.async_get(source.connection)
                found[source.connection] = make_access(conn, await conn.aextra_dejson())
            except AirflowNotFoundException:
                continue

    def read_found(conn_id: str) -> SourceAccess:
        if conn_id not in found:
            raise explain_no_connection(conn_id)
        return found[conn_id]

    return SourceOpener(settings, sources_root(settings), read_found)


def read_access(conn_id: str) -> SourceAccess:
    """Address and secrets of a connection.

    Raises:
        SourceError: there is no such connection.
    """
    try:
        conn = read_connection(conn_id)
        return make_access(conn, conn.extra_dejson)
    except AirflowNotFoundException:
        raise explain_no_connection(conn_id) from None


def make_access(conn: Any, extra: Mapping[str, Any]) -> SourceAccess:
    """What an Airflow connection says, as the sources take it."""
    return SourceAccess(
        host=conn.host or "",
        port=conn.port,
        schema=conn.schema or "",
        login=conn.login or "",
        password=conn.password or "",
        extra=extra,
    )


def explain_no_connection(conn_id: str) -> SourceError:
    """The error for a connection that nobody made."""
    return SourceError(
        f"there is no connection {conn_id!r} in Airflow. Add it (Admin, Connections, or the environment variable "
        f"AIRFLOW_CONN_{conn_id.upper()}), or correct connection in sources.yml, and run again."
    )
