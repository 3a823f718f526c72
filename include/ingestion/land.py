"""Copies a source's files of a window into ``landing.<source>``, where nobody reads them yet."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Final

from include.ingestion.plan import LoadItem, item_window
from include.settings.sources import FileSource, SourceSettings
from include.sources.files import SourceRead, read_source
from include.warehouse.arrow import write_arrow
from include.warehouse.names import TableName
from include.warehouse.session import Session, open_session

_SQL_TYPES: Final = {
    "int64": "bigint",
    "float64": "double precision",
    "string": "text",
    "timestamp": "timestamptz",
    "date": "date",
}


def land_source(uri: str, sources: SourceSettings, root: Path, item: LoadItem) -> LoadItem:
    """Read the item's files and put their rows into ``landing.<source>``, in place of this batch's rows.

    Landing keeps what is under way: rows of batches that were published, refused, or given up a day
    ago go. A rerun leaves the same rows.

    Returns:
        the item with the number of ``rows`` and ``files``.

    Raises:
        SourceError: a file is missing, not readable, or not as declared.
        WarehouseError: the warehouse cannot be reached or refuses the rows.
    """
    name = item["source"]
    source = sources.find_source(name)
    read = read_source(sources, name, root, *item_window(item))
    table = TableName("landing", name)
    with open_session(uri) as session:
        clear_landing(session, table, source, [delivery.day for delivery in read.deliveries])
    write_arrow(uri, table, read.table)
    with open_session(uri) as session:
        record_deliveries(session, name, read)
        session.execute(f"analyze {table.quoted}")
    return {**item, "rows": read.table.num_rows, "files": len(read.deliveries)}


def clear_landing(session: Session, table: TableName, source: FileSource, days: list[date]) -> None:
    """Make room for the deliveries of ``days``; rows of other batches that are under way stay."""
    session.execute(
        "delete from landing.deliveries where source = %s and (batch_day = any(%s) "
        "or state in ('published', 'refused') or landed_at < now() - interval '1 day')",
        (table.name, days),
    )
    others = session.fetch_all(
        "select batch_day from landing.deliveries where source = %s order by batch_day", (table.name,)
    )
    if others:
        kept = [row["batch_day"] for row in others]
        session.execute(f"delete from {table.quoted} where not (batch_day = any(%s))", (kept,))
        return
    session.execute(f"drop table if exists {table.quoted}")
    session.execute(f"create unlogged table {table.quoted} ({define_columns(source)})")


def define_columns(source: FileSource) -> str:
    """The columns of a landing table: as delivered, then ``day`` and ``batch_day``."""
    columns = [f'"{name}" {_SQL_TYPES[column.type]}' for name, column in source.columns.items()]
    if source.event_column is not None:
        columns.append("day date")
    return ", ".join([*columns, "batch_day date"])


def record_deliveries(session: Session, name: str, read: SourceRead) -> None:
    """Note which files are in landing now; without this note nothing is audited or published."""
    session.execute_many(
        "insert into landing.deliveries (source, batch_day, path, row_count) values (%s, %s, %s, %s) "
        "on conflict (source, batch_day) do update set path = excluded.path, "
        "row_count = excluded.row_count, state = 'landed', landed_at = now()",
        [(name, delivery.day, str(delivery.path), delivery.rows) for delivery in read.deliveries],
    )
