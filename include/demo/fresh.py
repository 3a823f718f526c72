"""A demo starts from nothing, so that its figures are its own; it never clears what is not a demo's."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import Final

from include.errors import StackError
from include.ingestion.version import read_data_version
from include.local.credentials import read_credentials
from include.local.home import StackHome
from include.local.stack import stop_stack
from include.local.state import load_state
from include.servers.ports import find_free_port
from include.servers.postgres import PostgresServer
from include.warehouse.session import open_session

_EARLIER: Final = "data of an earlier release"
"""In place of the data version of a warehouse that this release has not migrated."""


def clear_earlier_demo(home: StackHome) -> None:
    """Stop and remove what an earlier demo left in this folder, finished or interrupted, and mark it anew.

    The source files stay: they are the same for the same day.

    Raises:
        StackError: the folder's warehouse holds data that is not a demo's; nothing was touched.
    """
    marker = home.demo_marker
    if home.postgres.exists():
        found = find_data_version(home)
        expected = marker.read_text(encoding="utf-8") if marker.exists() else None
        if not may_clear(found, expected):
            raise StackError(
                f"{home.path} holds data that is not the demo's, and the demo would replace it. Give the demo a "
                f"folder of its own (make demo ARGS='--home {home.path}-demo'), or stop the stack (make down) and "
                f"remove {home.path}."
            )
    stop_stack(home)
    for folder in (home.postgres, home.artifacts, home.airflow, home.lineage_spool, home.models):
        if folder.exists():
            shutil.rmtree(folder)
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.write_text("", encoding="utf-8")


def may_clear(found: str | None, marked: str | None) -> bool:
    """Whether a warehouse may be cleared: it is empty, or a demo was interrupted in it, or left just this data.

    Args:
        found: the data version that is there; None without data.
        marked: what the mark says: None without one, empty while a demo is under way.
    """
    return found is None or (marked is not None and marked in ("", found))


def mark_finished(home: StackHome) -> None:
    """Note which data the demo has left."""
    home.demo_marker.write_text(find_data_version(home) or "no data", encoding="utf-8")


def find_data_version(home: StackHome) -> str | None:
    """The data version of the folder's warehouse, or None if nothing was ever published.

    PostgreSQL runs for as long as it takes to look; one that ran before goes on running.
    """
    if not (home.postgres / "PG_VERSION").exists():
        return None
    server = find_server(home)
    was_running = server.pid is not None
    server.start()
    try:
        with open_session(server.create_database("warehouse")) as session:
            if session.fetch_value("select to_regclass('raw.partitions')") is None:
                return None
            if not session.fetch_value("select exists (select from raw.partitions)"):
                return None
            if session.fetch_value("select to_regclass('raw.snapshots')") is None:
                return _EARLIER
            return read_data_version(session)
    finally:
        if not was_running:
            server.stop()


def find_server(home: StackHome) -> PostgresServer:
    """The folder's PostgreSQL where it runs; else on its last port, or on another one if that is taken.

    Raises:
        StackError: the folder's credentials are gone.
    """
    port = load_state(home).ports.get("postgres", 0)
    server = PostgresServer(home.postgres, port, read_credentials(home).postgres_password)
    return server if server.pid is not None else replace(server, port=find_free_port(port))
