"""Copies a source's files of a window into ``landing.<source>``, where nobody reads them yet."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Final

from include.ingestion.plan import BadFile, LoadItem, item_window, join_items, split_items
from include.settings.source_base import SourceBase
from include.settings.source_names import SQL_TYPES
from include.settings.sources import SourceSettings
from include.sources.deliveries import delivery_path, hash_file, list_days
from include.sources.files import SourceRead, read_source
from include.warehouse.arrow import write_arrow
from include.warehouse.names import TableName
from include.warehouse.session import Session, open_session

_REASON_LENGTH: Final = 1000

log = logging.getLogger(__name__)


def land_source(uri: str, sources: SourceSettings, root: Path, item: LoadItem) -> LoadItem:
    """Read the files of an item and of its late ones and put their rows into ``landing.<source>``.

    They replace the rows of the same days. Landing keeps what is under way: rows of batches that were published,
    refused, or given up a day ago go. A rerun leaves the same rows. A bad file of a source that is not critical, or of
    a late day, does not land; it is noted in the item, for the audit to refuse.

    Returns:
        the item and its late ones with the number of ``rows`` and ``files``, and the ``bad_files`` if there are any.

    Raises:
        SourceError: a file of a critical source is missing, not readable, or not as declared, and not late.
        WarehouseError: the warehouse cannot be reached or refuses the rows.
    """
    import pyarrow as pa

    name = item["source"]
    source = sources.find_source(name)
    parts = split_items([item])
    # Hashed first: a file that is exchanged meanwhile then counts as another one, and is loaded again.
    hashes = {
        day: hash_file(delivery_path(source, root, day)) for part in parts for day in list_days(*item_window(part))
    }
    reads = [
        read_source(
            sources, name, root, *item_window(part), leave_out_bad=not source.critical or part.get("is_late", False)
        )
        for part in parts
    ]
    landed = [note_read(part, read) for part, read in zip(parts, reads, strict=True)]
    table = TableName("landing", name)
    with open_session(uri) as session:
        clear_landing(session, table, source, [day for read in reads for day in read.days])
    write_arrow(uri, table, pa.concat_tables(read.table for read in reads))
    with open_session(uri) as session:
        for read in reads:
            record_deliveries(session, name, read, hashes)
        session.execute(f"analyze {table.quoted}")
    return join_items(landed)[0]


def note_read(item: LoadItem, read: SourceRead) -> LoadItem:
    """The item with what was read for it."""
    bad_files = note_bad_files(item["source"], read)
    landed: LoadItem = {**item, "rows": read.table.num_rows, "files": len(read.deliveries)}
    return {**landed, "bad_files": bad_files} if bad_files else landed


def note_bad_files(name: str, read: SourceRead) -> list[BadFile]:
    """Warn of every file that was left out; the same in JSON types, for the audit."""
    for bad in read.bad:
        log.warning(
            "The delivery of %s for %s is left out: the run goes on without. File %s: %s",
            name, bad.day, bad.path, bad.reason[:_REASON_LENGTH],
        )  # fmt: skip
    return [
        {"day": bad.day.isoformat(), "path": str(bad.path), "reason": bad.reason[:_REASON_LENGTH]} for bad in read.bad
    ]


def clear_landing(session: Session, table: TableName, source: SourceBase, days: list[date]) -> None:
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


def define_columns(source: SourceBase) -> str:
    """The columns of a landing table: as delivered, then ``day`` and ``batch_day``."""
    columns = [f'"{name}" {SQL_TYPES[column.type]}' for name, column in source.columns.items()]
    if source.event_column is not None:
        columns.append("day date")
    return ", ".join([*columns, "batch_day date"])


def record_deliveries(session: Session, name: str, read: SourceRead, hashes: Mapping[date, str | None]) -> None:
    """Note which files are in landing now; without this note nothing is audited or published."""
    session.execute_many(
        "insert into landing.deliveries (source, batch_day, path, row_count, file_hash) values (%s, %s, %s, %s, %s) "
        "on conflict (source, batch_day) do update set path = excluded.path, row_count = excluded.row_count, "
        "file_hash = excluded.file_hash, state = 'landed', landed_at = now()",
        [(name, one.day, str(one.path), one.rows, hashes.get(one.day)) for one in read.deliveries],
    )
