"""Publishes audited batches: all sources of a run in one transaction, fenced."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any, Final

from include.errors import QualityError, WarehouseError
from include.ingestion.landed import check_landed, lock_deliveries
from include.ingestion.plan import LoadItem, has_only_bad_files, hold_fences, item_window
from include.ingestion.published_values import list_published_values
from include.ingestion.snapshots import publish_snapshot
from include.ingestion.version import hash_days, read_data_version
from include.quality.report import BatchQuality
from include.settings.clock import read_today
from include.settings.source_base import SourceBase
from include.settings.sources import SourceSettings
from include.warehouse.names import TableName
from include.warehouse.partitions import ensure_day_partitions
from include.warehouse.session import Session, open_session
from include.warehouse.trace import record_note

log = logging.getLogger(__name__)
_BIG_ROWS: Final = 50_000
_PUBLISH_LOCK: Final = 7_306_010_424


def publish_batch(uri: str, sources: SourceSettings, items: Sequence[LoadItem]) -> dict[str, Any]:
    """Replace the partitions of the items' windows in ``raw`` by what was landed and audited.

    Snapshots are added to their history (see :mod:`include.ingestion.snapshots`). Readers see all of it or nothing;
    publishing the same batch again changes nothing. Sources that are not critical, and late days, are left as
    they are when the audit refused them, and late days also when a newer run has taken them.

    Returns:
        ``data_version``, ``rows`` by source, ``refused`` (names of the sources left out).

    Raises:
        StaleWriterError: a newer run has taken work that is not late; nothing was published.
        QualityError: a batch was refused, or not audited, or a value does not fit its published type; nothing
            was published.
        WarehouseError: the connection broke or a statement was refused; nothing was published.
    """
    today = read_today(sources.time_zone)
    rows: dict[str, int] = {}
    published: list[tuple[str, BatchQuality]] = []
    refused: list[str] = []
    with _translate_errors(), open_session(uri) as session:
        items = hold_fences(session, items)
        # One publisher at a time: two that replace the same day would both insert it. Readers go on.
        session.execute("select pg_advisory_xact_lock(%s)", (_PUBLISH_LOCK,))
        lock_deliveries(session, items)
        audited = [find_audited_days(session, item, sources.find_source(item["source"])) for item in items]
        make_partitions(session, sources, items, audited)
        for item, days in zip(items, audited, strict=True):
            name, source = item["source"], sources.find_source(item["source"])
            if days:
                # Landing is unlogged: a crash of the server empties it and leaves the notes about it.
                check_landed(session, item)
                rows[name] = rows.get(name, 0) + publish_source(session, name, source, days, today)
                published += [(name, quality) for quality in read_quality(session, item, source)]
            else:
                refused.append(name)
        data_version = read_data_version(session)
    # Not before the commit: what is rolled back was not published.
    for name, quality in published:
        record_note(TableName("raw", name), quality)
    _analyze(uri, [name for name, count in rows.items() if count >= _BIG_ROWS])
    return {"data_version": data_version, "rows": rows, "refused": refused}


def make_partitions(
    session: Session, sources: SourceSettings, items: Sequence[LoadItem], audited: Sequence[Sequence[date]]
) -> None:
    """Make the partitions that are missing, in the order in which whoever plans goes through the tables.

    Both lock them until they commit; in different orders, they would wait for each other.
    """
    for name, source in sources.sources.items():
        if source.grain == "daily":
            days = [day for item, found in zip(items, audited, strict=True) if item["source"] == name for day in found]
            ensure_day_partitions(session, TableName("raw", name), days)


def find_audited_days(session: Session, item: LoadItem, source: SourceBase) -> list[date]:
    """The delivered days of an item; none when the audit refused an item that is late or not critical.

    Raises:
        QualityError: the item is not in landing, not audited, or refused although the run needs it.
    """
    name = item["source"]
    deliveries = session.fetch_all(
        "select batch_day, state from landing.deliveries where source = %s and batch_day between %s and %s "
        "order by batch_day",
        (name, *item_window(item)),
    )
    # What was refused makes room in landing for the next batch, its note too.
    is_refused = item.get("is_refused") or has_only_bad_files(item)
    states = {"refused"} if is_refused else {row["state"] for row in deliveries}
    if states and states <= {"audited", "published"}:
        return [row["batch_day"] for row in deliveries]
    if states == {"refused"} and (not source.critical or item.get("is_late")):
        log.warning("%s was refused by its audit and is left as it was; see quality.quarantine.", name)
        return []
    found = ", ".join(sorted(states)) or "not landed"
    raise QualityError(
        f"{name}, {item['from_day']} to {item['to_day']}, may not be published: its deliveries are {found}. "
        "Run land and audit of this batch again, then publish."
    )


def read_quality(session: Session, item: LoadItem, source: SourceBase) -> list[BatchQuality]:
    """What the last audit found in an item's batch; nothing where it was approved without one."""
    record = session.fetch_one(
        "select from_day, to_day, row_count, failures, results, profile from quality.audits "
        "where source = %s and from_day = %s and to_day = %s order by audited_at desc limit 1",
        (item["source"], *item_window(item)),
    )
    names = {column: source.publish_name(column) for column in source.columns}
    is_written = source.grain == "daily"
    return [] if record is None else [BatchQuality.from_record(record, names, is_written=is_written)]


def publish_source(session: Session, name: str, source: SourceBase, days: list[date], today: date) -> int:
    """Replace the partitions ``days`` of one source within the caller's transaction; the number of their rows.

    A snapshot replaces none: it becomes known on its own day, its correction ``today``.
    """
    if source.grain == "daily":
        replace_days(session, name, source, days)
        content = hash_days(session, name, days)
    else:
        content = {day: publish_snapshot(session, name, source, day, today) for day in days}
    record_partitions(session, name, content)
    session.execute(
        "update landing.deliveries set state = 'published' where source = %s and batch_day = any(%s)",
        (name, days),
    )
    return sum(count for count, _ in content.values())


def replace_days(session: Session, name: str, source: SourceBase, days: list[date]) -> None:
    """Put the landed rows of a daily source in the place of those published for the same days.

    The days have their partitions. Their rows are deleted and not the partitions, so that who reads sees the old rows
    until the commit.
    """
    raw, landing = TableName("raw", name).quoted, TableName("landing", name).quoted
    values = list_published_values(source)
    session.execute(f"delete from {raw} where batch_day = any(%s)", (days,))
    session.execute(
        f"insert into {raw} ({', '.join(values)}) select {', '.join(values.values())} from {landing} "
        "where batch_day = any(%s)",
        (days,),
    )
    session.execute("delete from raw.arrivals where source = %s and batch_day = any(%s)", (name, days))
    session.execute(
        "insert into raw.arrivals (source, batch_day, day, row_count) "
        f"select %s, batch_day, day, count(*) from {landing} where batch_day = any(%s) group by batch_day, day",
        (name, days),
    )


def record_partitions(session: Session, name: str, content: Mapping[date, tuple[int, str]]) -> None:
    """Write count, hash, file and version of each partition; what is the same as before stays untouched."""
    session.execute_many(
        "insert into raw.partitions (source, batch_day, row_count, content_hash, file_hash, version) "
        "select source, batch_day, %s, %s, file_hash, version from landing.deliveries "
        "where source = %s and batch_day = %s "
        "on conflict (source, batch_day) do update set row_count = excluded.row_count, "
        "content_hash = excluded.content_hash, file_hash = excluded.file_hash, version = excluded.version, "
        "published_at = "
        "case when raw.partitions.content_hash = excluded.content_hash then raw.partitions.published_at else now() end "
        "where (raw.partitions.content_hash, raw.partitions.file_hash, raw.partitions.version) "
        "is distinct from (excluded.content_hash, excluded.file_hash, excluded.version)",
        [(count, digest, name, day) for day, (count, digest) in content.items()],
    )


def _analyze(uri: str, names: list[str]) -> None:
    """Refresh the planner's statistics of tables that changed much."""
    if names:
        with _translate_errors(), open_session(uri) as session:
            for name in names:
                session.execute(f"analyze {TableName('raw', name).quoted}")


@contextmanager
def _translate_errors() -> Iterator[None]:
    import psycopg

    try:
        yield
    except psycopg.errors.NumericValueOutOfRange as error:
        raise QualityError(
            f"Publishing was rolled back: a value does not fit its published type: {str(error).strip()}. Widen "
            "publish_type in sources.yml and the column in schema raw, or have the source deliver it again."
        ) from error
    except psycopg.Error as error:
        raise WarehouseError(
            f"Publishing stopped and was rolled back: {str(error).strip()}. What was published before is "
            "unchanged; run the task again."
        ) from error
