"""Copies a source's deliveries of a window into ``landing.<source>``, where nobody reads them yet."""

from __future__ import annotations

import logging
from datetime import date
from typing import Final

from include.errors import SourceAwayError
from include.ingestion.plan import BadFile, LoadItem, hold_fences, item_window, join_items, split_items
from include.ingestion.source_plan import mark_version
from include.settings.source_base import SourceBase
from include.settings.source_names import SQL_TYPES
from include.settings.sources import SourceSettings
from include.sources.deliveries import SourceOpener
from include.sources.read import SourceRead, read_source
from include.sources.source import Deliveries
from include.warehouse.arrow import write_arrow
from include.warehouse.names import TableName
from include.warehouse.session import Session, open_session

_REASON_LENGTH: Final = 1000
_LOCK_CLASS: Final = 730_602

log = logging.getLogger(__name__)


def land_source(uri: str, opener: SourceOpener, item: LoadItem) -> LoadItem:
    """Fetch and read the deliveries of an item and of its late ones, and put their rows into ``landing.<source>``.

    They replace the rows of the same days. Landing keeps what is under way: rows of batches that were published,
    refused, or given up a day ago go. A rerun leaves the same rows. A late day that a newer run has taken does not
    land. A bad delivery of a source that is not critical, or of a late day, does not land; it is noted in the item, for
    the audit to refuse. Where such a source is away the run goes on without.

    Returns:
        the item and its late ones with the number of ``rows`` and ``files``, and the ``bad_files`` if there are any.

    Raises:
        SourceError: a delivery of a critical source is missing, not readable, or not as declared, and not late.
        SourceAwayError: a critical source cannot be reached, and not for a late day.
        StaleWriterError: a newer run has taken the item itself; landing is as it was.
        WarehouseError: the warehouse cannot be reached or refuses the rows.
    """
    import pyarrow as pa

    name = item["source"]
    source = opener.settings.find_source(name)
    deliveries = opener.open(name)
    parts = [follow_live_copy(source, deliveries, part) for part in split_items([item])]
    reads = [
        read_source(
            opener.settings,
            name,
            deliveries,
            *item_window(part),
            leave_out_bad=not source.critical or part.get("is_late", False),
        )
        for part in parts
    ]
    table = TableName("landing", name)
    with open_session(uri) as lock:
        # One landing of a source at a time: of two that cross, each would clear away rows of the other.
        lock.execute("select pg_advisory_xact_lock(%s, hashtext(%s))", (_LOCK_CLASS, name))
        with open_session(uri) as session:
            held = hold_fences(session, parts)
            kept = [read for part, read in zip(parts, reads, strict=True) if part in held]
            clear_landing(session, table, source, [day for read in kept for day in read.days])
        if kept:
            write_arrow(uri, table, pa.concat_tables(read.table for read in kept))
        with open_session(uri) as session:
            for read in kept:
                record_deliveries(session, name, read, opener.settings)
            session.execute(f"analyze {table.quoted}")
    landed = [
        note_read(opener.settings, part, read) if part in held else {**part, "is_taken": True}
        for part, read in zip(parts, reads, strict=True)
    ]
    return join_items(landed)[0]


def follow_live_copy(source: SourceBase, deliveries: Deliveries, item: LoadItem) -> LoadItem:
    """The item with the day that a live copy has by now: it may have changed since the run was planned."""
    if not source.is_live:
        return item
    try:
        newest = deliveries.find_days(date.min, date.max)[-1:]
    except SourceAwayError:  # reading says the same, to the one who knows whether it stops the run
        newest = []
    return {**item, "from_day": newest[0].isoformat(), "to_day": newest[0].isoformat()} if newest else item


def note_read(settings: SourceSettings, item: LoadItem, read: SourceRead) -> LoadItem:
    """The item with what was read for it."""
    bad_files = note_bad_files(settings, item["source"], read)
    landed: LoadItem = {**item, "rows": read.table.num_rows, "files": len(read.deliveries)}
    if bad_files:
        return {**landed, "bad_files": bad_files}
    return {**landed, "is_away": True} if read.bad and not read.deliveries else landed


def note_bad_files(settings: SourceSettings, name: str, read: SourceRead) -> list[BadFile]:
    """Warn of every delivery that was left out; the bad ones in JSON types, for the audit."""
    for bad in read.bad:
        log.warning(
            "The delivery of %s for %s is left out: the run goes on without. File %s: %s",
            name, bad.day, bad.place, bad.reason[:_REASON_LENGTH],
        )  # fmt: skip
    source = settings.find_source(name)
    return [
        {
            "day": bad.day.isoformat(),
            "path": bad.place,
            "reason": bad.reason[:_REASON_LENGTH],
            "version": mark_version(settings.time_zone, source, bad.version),
        }
        for bad in read.bad
        if not bad.is_away
    ]


def clear_landing(session: Session, table: TableName, source: SourceBase, days: list[date]) -> None:
    """Make room for the deliveries of ``days``; rows of other batches that are under way stay."""
    session.fetch_all(  # as everybody does: the rows first, in order, and then the table
        "select batch_day from landing.deliveries where source = %s order by batch_day for update", (table.name,)
    )
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


def record_deliveries(session: Session, name: str, read: SourceRead, settings: SourceSettings) -> None:
    """Note which deliveries are in landing now; without this note nothing is audited or published."""
    source = settings.find_source(name)
    session.execute_many(
        "insert into landing.deliveries (source, batch_day, path, row_count, file_hash, version) "
        "values (%s, %s, %s, %s, %s, %s) "
        "on conflict (source, batch_day) do update set path = excluded.path, row_count = excluded.row_count, "
        "file_hash = excluded.file_hash, version = excluded.version, state = 'landed', landed_at = now()",
        [
            (name, one.day, one.place, one.rows, one.file_hash, mark_version(settings.time_zone, source, one.version))
            for one in read.deliveries
        ],
    )
