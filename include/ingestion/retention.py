"""Drops the days of ``raw`` that are not kept: their rows, and the ledgers' notes of them."""

from __future__ import annotations

import logging
from datetime import date, timedelta
from typing import Final

from include.errors import WarehouseError
from include.settings.clock import read_today
from include.settings.sources import SourceSettings
from include.warehouse.names import TableName
from include.warehouse.partitions import DayPartition, list_partitions
from include.warehouse.session import open_session

log = logging.getLogger(__name__)
# Dropping waits for whoever reads the table, and everybody who comes later would wait behind it.
_LOCK_TIMEOUT: Final = "2s"
# Each takes a lock for itself, its index and its overflow table until the commit.
_AT_ONCE: Final = 50


def drop_expired_days(uri: str, sources: SourceSettings) -> dict[str, list[date]]:
    """Drop what was delivered more than ``keep_days`` days ago by the daily sources.

    What cannot be dropped now (somebody reads the table, say) is left to the next run, with a warning: nothing that
    was published depends on it.

    Returns:
        the days that were dropped, by source; sources without any are left out.
    """
    if sources.keep_days is None:
        return {}
    first = read_today(sources.time_zone) - timedelta(days=sources.keep_days)
    daily = [name for name, source in sources.sources.items() if source.grain == "daily"]
    dropped = {name: _drop_before(uri, TableName("raw", name), first) for name in daily}
    return {name: days for name, days in dropped.items() if days}


def _drop_before(uri: str, table: TableName, first: date) -> list[date]:
    import psycopg

    dropped: list[date] = []
    try:
        with open_session(uri) as session:
            expired = [one for one in list_partitions(session, table) if one.day < first]
        for start in range(0, len(expired), _AT_ONCE):
            dropped += _drop(uri, table, expired[start : start + _AT_ONCE])
    except (psycopg.Error, WarehouseError) as error:
        log.warning("Days of %s before %s are left to the next run: %s", table, first, str(error).strip())
    return dropped


def _drop(uri: str, table: TableName, expired: list[DayPartition]) -> list[date]:
    days = [one.day for one in expired]
    with open_session(uri) as session:
        session.execute("select set_config('lock_timeout', %s, true)", (_LOCK_TIMEOUT,))
        session.execute(f"drop table {', '.join(one.table.quoted for one in expired)}")
        for ledger in ("partitions", "arrivals"):
            session.execute(f"delete from raw.{ledger} where source = %s and batch_day = any(%s)", (table.name, days))
    return days
