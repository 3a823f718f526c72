"""The version of the published data: a hash over the full content of every partition."""

from __future__ import annotations

import hashlib
from datetime import date

from include.warehouse.names import TableName
from include.warehouse.session import Row, Session


def read_data_version(session: Session) -> str:
    """SHA-256 over all partitions; one row changed anywhere, or one delivery more, changes it.

    It does not depend on when or in which order the data was published.
    """
    rows = session.fetch_all(
        "select source, batch_day, row_count, content_hash from raw.partitions order by source, batch_day"
    )
    return hash_partitions(rows)


def hash_partitions(rows: list[Row]) -> str:
    """Hash partitions with source, batch_day, row_count and content_hash, in the order given."""
    digest = hashlib.sha256()
    for row in rows:
        line = f"{row['source']}|{row['batch_day']}|{row['row_count']}|{row['content_hash']}\n"
        digest.update(line.encode())
    return digest.hexdigest()


def hash_content(session: Session, source: str, grain: str, days: list[date]) -> dict[date, tuple[int, str]]:
    """Count and hash the published rows of each delivered day.

    A partition's hash is the sum of the 64-bit hashes of its rows' text, so that the order of rows does
    not matter and equal rows do; days without rows have a hash too. A snapshot's rows all belong to
    its one day.
    """
    table = TableName("raw", source).quoted
    # The text of a moment depends on the session's zone, and must not.
    session.execute("select set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO, YMD', true)")
    hashed = "count(*) as row_count, coalesce(sum(hashtextextended(content::text, 0)::numeric), 0) as total"
    if grain == "snapshot":
        row = session.fetch_one(f"select {hashed} from {table} as content")
        found = {days[-1]: row} if row else {}
    else:
        rows = session.fetch_all(
            f"select batch_day, {hashed} from {table} as content where batch_day = any(%s) group by batch_day",
            (days,),
        )
        found = {row["batch_day"]: row for row in rows}
    empty: Row = {"row_count": 0, "total": 0}
    return {day: _combine(found.get(day, empty)) for day in days}


def _combine(row: Row) -> tuple[int, str]:
    text = f"{row['row_count']}|{row['total']}"
    return int(row["row_count"]), hashlib.sha256(text.encode()).hexdigest()
