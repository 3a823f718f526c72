"""The version of the published data: a hash over the full content of every partition."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Final

from include.warehouse.names import TableName
from include.warehouse.session import Row, Session

# The sum of the 64-bit hashes of the rows' text: the order of rows does not matter and equal rows do.
_HASHED: Final = "count(*) as row_count, coalesce(sum(hashtextextended(content::text, 0)::numeric), 0) as total"


def read_data_version(session: Session) -> str:
    """SHA-256 over all partitions and all versions of snapshots; one row changed anywhere, or one more, changes it.

    It does not depend on when or in which order the data was published, but for the day of a snapshot's correction,
    which decides from which as-of date on it counts.
    """
    rows = session.fetch_all(
        "select source, to_char(batch_day, 'YYYY-MM-DD') as batch_day, row_count, content_hash from raw.partitions "
        "union all select source, to_char(batch_day, 'YYYY-MM-DD ') || to_char(known_day, 'YYYY-MM-DD'), row_count, "
        "content_hash from raw.snapshots order by source, batch_day"
    )
    return hash_partitions(rows)


def hash_partitions(rows: list[Row]) -> str:
    """Hash partitions with source, batch_day, row_count and content_hash, in the order given."""
    digest = hashlib.sha256()
    for row in rows:
        line = f"{row['source']}|{row['batch_day']}|{row['row_count']}|{row['content_hash']}\n"
        digest.update(line.encode())
    return digest.hexdigest()


def hash_days(session: Session, source: str, days: list[date]) -> dict[date, tuple[int, str]]:
    """Count and hash the published rows of each delivered day of a daily source; days without rows have a hash too."""
    _fix_text_format(session)
    # The planner, which has no statistics of rows that came just now, would sort all of them to find a few days.
    session.execute("set local enable_sort = off")
    rows = session.fetch_all(
        f"select batch_day, {_HASHED} from {TableName('raw', source).quoted} as content "
        "where batch_day = any(%s) group by batch_day",
        (days,),
    )
    session.execute("reset enable_sort")
    found = {row["batch_day"]: row for row in rows}
    return {day: _combine(found.get(day)) for day in days}


def hash_table(session: Session, table: str) -> tuple[int, str]:
    """Count and hash the rows of a whole table, named as in SQL."""
    _fix_text_format(session)
    return _combine(session.fetch_one(f"select {_HASHED} from {table} as content"))


def _fix_text_format(session: Session) -> None:
    """The text of a moment depends on the session's zone, and must not."""
    session.execute("select set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO, YMD', true)")


def _combine(row: Row | None) -> tuple[int, str]:
    count, total = (row["row_count"], row["total"]) if row else (0, 0)
    return int(count), hashlib.sha256(f"{count}|{total}".encode()).hexdigest()
