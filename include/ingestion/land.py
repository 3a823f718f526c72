"""Copies a source's deliveries of a window into ``landing.<source>``, where nobody reads them yet."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import date
from typing import Final

from include.errors import SourceAwayError
from include.ingestion.incoming import drop_days, make_incoming, replace_rows
from include.ingestion.plan import BadFile, LoadItem, hold_fences, item_window, join_items, split_items
from include.ingestion.source_plan import mark_version
from include.settings.source_base import SourceBase
from include.settings.sources import SourceSettings
from include.sources.deliveries import SourceOpener
from include.sources.read import SourceReading, plan_reading
from include.sources.source import Deliveries
from include.warehouse.arrow_writer import open_writer
from include.warehouse.names import TableName
from include.warehouse.session import Session, open_session
from include.warehouse.trace import record_write

_REASON_LENGTH: Final = 1000
_LOCK_CLASS: Final = 730_602

log = logging.getLogger(__name__)


def land_source(uri: str, opener: SourceOpener, item: LoadItem) -> LoadItem:
    """Fetch and read the deliveries of an item and of its late ones, and put their rows into ``landing.<source>``.

    They are read block by block into a table of their own, which takes the place of the rows of the same days in one
    transaction: memory does not grow with their rows, and landing stays as it was where reading fails. Landing keeps
    what is under way: rows of batches that were published, refused, or given up a day ago go. A rerun leaves the same
    rows. A late day that a newer run has taken does not land. A bad delivery of a source that is not critical, or of a
    late day, does not land; it is noted in the item, for the audit to refuse. Where such a source is away the run goes
    on without.

    Returns:
        the item and its late ones with the number of ``rows`` and ``files``, and the ``bad_files`` if there are any.

    Raises:
        SourceError: a delivery of a critical source is missing, not readable, or not as declared, and not late.
        SourceAwayError: a critical source cannot be reached, and not for a late day.
        StaleWriterError: a newer run has taken the item itself; landing is as it was.
        WarehouseError: the warehouse cannot be reached or refuses the rows.
    """
    name = item["source"]
    source = opener.settings.find_source(name)
    deliveries = opener.open(name)
    parts = [follow_live_copy(source, deliveries, part) for part in split_items([item])]
    readings = [
        plan_reading(
            opener.settings,
            name,
            deliveries,
            *item_window(part),
            leave_out_bad=not source.critical or part.get("is_late", False),
        )
        for part in parts
    ]
    with make_incoming(uri, source) as incoming:
        with open_writer(uri, incoming) as writer:
            for reading in readings:
                reading.read(writer.append)
        held = take_in(uri, opener.settings, incoming, list(zip(parts, readings, strict=True)))
    landed = [
        note_reading(opener.settings, part, reading) if part in held else {**part, "is_taken": True}
        for part, reading in zip(parts, readings, strict=True)
    ]
    return join_items(landed)[0]


def take_in(
    uri: str, settings: SourceSettings, incoming: TableName, readings: Sequence[tuple[LoadItem, SourceReading]]
) -> list[LoadItem]:
    """Make what was read the rows of its days in landing, in one transaction; the items that no newer run has taken.

    Raises:
        StaleWriterError: a newer run has taken an item that is not late; landing is as it was.
    """
    name = readings[0][0]["source"]
    source, table = settings.find_source(name), TableName("landing", name)
    with open_session(uri) as session:
        # One landing of a source at a time: of two that cross, each would clear away rows of the other.
        session.execute("select pg_advisory_xact_lock(%s, hashtext(%s))", (_LOCK_CLASS, name))
        held = hold_fences(session, [part for part, _ in readings])
        kept = [reading for part, reading in readings if part in held]
        taken = [day for part, reading in readings if part not in held for day in reading.days]
        if taken:
            drop_days(session, incoming, taken)
        replace_rows(session, table, source, incoming, [day for reading in kept for day in reading.all_days])
        for reading in kept:
            record_deliveries(session, name, reading, settings)
        session.execute(f"analyze {table.quoted}")
    if kept:
        record_write(table)
    return held


def follow_live_copy(source: SourceBase, deliveries: Deliveries, item: LoadItem) -> LoadItem:
    """The item with the day that a live copy has by now: it may have changed since the run was planned."""
    if not source.is_live:
        return item
    try:
        newest = deliveries.find_days(date.min, date.max)[-1:]
    except SourceAwayError:  # reading says the same, to the one who knows whether it stops the run
        newest = []
    return {**item, "from_day": newest[0].isoformat(), "to_day": newest[0].isoformat()} if newest else item


def note_reading(settings: SourceSettings, item: LoadItem, reading: SourceReading) -> LoadItem:
    """The item with what was read for it."""
    bad_files = note_bad_files(settings, item["source"], reading)
    landed: LoadItem = {**item, "rows": reading.rows, "files": len(reading.deliveries)}
    if bad_files:
        return {**landed, "bad_files": bad_files}
    return {**landed, "is_away": True} if reading.bad and not reading.deliveries else landed


def note_bad_files(settings: SourceSettings, name: str, reading: SourceReading) -> list[BadFile]:
    """Warn of every delivery that was left out; the bad ones in JSON types, for the audit."""
    for bad in reading.bad:
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
        for bad in reading.bad
        if not bad.is_away
    ]


def record_deliveries(session: Session, name: str, reading: SourceReading, settings: SourceSettings) -> None:
    """Note which deliveries are in landing now; without this note nothing is audited or published."""
    source = settings.find_source(name)
    session.execute_many(
        "insert into landing.deliveries (source, batch_day, path, row_count, file_hash, version) "
        "values (%s, %s, %s, %s, %s, %s) "
        "on conflict (source, batch_day) do update set path = excluded.path, row_count = excluded.row_count, "
        "file_hash = excluded.file_hash, version = excluded.version, state = 'landed', landed_at = now()",
        [
            (name, one.day, one.place, one.rows, one.file_hash, mark_version(settings.time_zone, source, one.version))
            for one in reading.deliveries
        ],
    )
