"""Moves waiting events from the spool into the lineage store."""

from __future__ import annotations

import logging
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from include.errors import WarehouseError
from include.governance.events import LineageRecord, parse_event
from include.governance.spool import Spool
from include.governance.store import insert_events
from include.settings.governance import LineageSettings
from include.warehouse.session import open_session

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Timeouts:
    """How long to wait for the warehouse: to connect (libpq waits two seconds at least), and for a statement."""

    connect_s: int
    statement_s: int


_LONG: Final = Timeouts(connect_s=10, statement_s=30)
_SHORT: Final = Timeouts(connect_s=2, statement_s=2)


def carry_batch(spool: Spool, uri: str, limit: int, timeouts: Timeouts = _LONG) -> int:
    """Move the oldest events into ``governance.lineage_events``; hold the spool's lock while you call it.

    An event leaves the spool only after its row is committed; events that are none, or that the
    warehouse cannot hold, go to the spool's ``rejected`` folder with the reason.

    Returns:
        events taken off the spool.

    Raises:
        WarehouseError: the warehouse is away or not migrated; nothing was lost.
    """
    import psycopg

    paths = spool.list_waiting(limit)
    found = _read_records(spool, paths)
    try:
        _store_all(spool, uri, found, timeouts)
    except psycopg.Error as error:
        raise WarehouseError(
            f"{len(found)} lineage events wait in {spool.folder}, not taken: {str(error).strip()}"
        ) from error
    spool.remove(found)
    return len(paths)


def _read_records(spool: Spool, paths: Sequence[Path]) -> dict[Path, LineageRecord]:
    records = {}
    for path in paths:
        try:
            records[path] = parse_event(path.read_bytes())
        except ValueError as error:
            log.warning("Rejected lineage event %s: %s", path.name, error)
            spool.reject(path, str(error))
    return records


def _store(uri: str, records: list[LineageRecord], timeouts: Timeouts) -> None:
    if records:
        with open_session(uri, connect_timeout_s=timeouts.connect_s) as session:
            session.execute(f"set local statement_timeout = '{timeouts.statement_s}s'")
            insert_events(session, records)


def _store_all(spool: Spool, uri: str, found: dict[Path, LineageRecord], timeouts: Timeouts) -> None:
    """Store the records; where one is more than the warehouse can hold, reject it and keep the others."""
    import psycopg

    try:
        _store(uri, list(found.values()), timeouts)
    except psycopg.DataError:
        _store_one_by_one(spool, uri, found, timeouts)


def _store_one_by_one(spool: Spool, uri: str, found: dict[Path, LineageRecord], timeouts: Timeouts) -> None:
    import psycopg

    for path, record in list(found.items()):
        try:
            _store(uri, [record], timeouts)
        except psycopg.DataError as error:
            log.warning("Rejected lineage event %s: %s", path.name, error)
            spool.reject(path, f"the warehouse refused it: {error}")
            del found[path]


def carry_inline(spool: Spool, uri: str, settings: LineageSettings) -> None:
    """Carry a bounded batch unless another process does or the warehouse was away a moment ago.

    Finds out within ``inline_connect_timeout_s`` that nothing listens, gives up on a warehouse that does
    not answer after a few seconds, and never raises for its absence.
    """
    if spool.is_paused(settings.inline_pause_s):
        return
    with spool.hold_lock() as is_held:
        if not is_held:
            return
        try:
            _require_listener(uri, settings.inline_connect_timeout_s)
            carry_batch(spool, uri, settings.inline_batch_size, _SHORT)
        except WarehouseError as error:
            spool.pause()
            log.warning("Lineage waits in %s: %s", spool.folder, error)


def _require_listener(uri: str, timeout_s: float) -> None:
    """Fail fast where nothing listens: libpq itself never waits less than two seconds."""
    parts = urlsplit(uri)
    try:
        socket.create_connection((parts.hostname or "localhost", parts.port or 5432), timeout_s).close()
    except OSError as error:
        raise WarehouseError(f"the warehouse cannot be reached at {parts.hostname}:{parts.port}: {error}") from error
