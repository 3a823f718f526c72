"""Drops the days of ``raw`` that a source does not keep. The ledgers of what was published stay."""

from __future__ import annotations

import logging
from datetime import date, timedelta
from typing import Final

from include.settings.clock import read_today
from include.settings.sources import SourceSettings
from include.warehouse.names import TableName
from include.warehouse.partitions import list_partitions
from include.warehouse.session import open_session

log = logging.getLogger(__name__)
# Dropping waits for whoever reads the table, and everybody who comes later would wait behind it.
_LOCK_TIMEOUT: Final = "2s"


def drop_expired_days(uri: str, sources: SourceSettings) -> dict[str, list[date]]:
    """Drop the partitions whose delivery day is more than ``keep_days`` days ago.

    A table that is being read keeps its days until the next run.

    Returns:
        the days that were dropped, by source; sources without any are left out.

    Raises:
        WarehouseError: the warehouse cannot be reached.
    """
    today = read_today(sources.time_zone)
    kept = {name: source.keep_days for name, source in sources.sources.items() if source.keep_days is not None}
    dropped = {
        name: _drop_before(uri, TableName("raw", name), today - timedelta(days=days)) for name, days in kept.items()
    }
    return {name: days for name, days in dropped.items() if days}


def _drop_before(uri: str, table: TableName, first: date) -> list[date]:
    import psycopg

    try:
        with open_session(uri) as session:
            expired = [one for one in list_partitions(session, table) if one.day < first]
            if expired:
                session.execute("select set_config('lock_timeout', %s, true)", (_LOCK_TIMEOUT,))
                session.execute(f"drop table {', '.join(one.table.quoted for one in expired)}")
                session.execute(
                    "update raw.partitions set dropped_at = now() where source = %s and batch_day = any(%s)",
                    (table.name, [one.day for one in expired]),
                )
    except psycopg.errors.LockNotAvailable:
        log.warning("%s is being read: days before %s are dropped by a later run.", table, first)
        return []
    return [one.day for one in expired]
