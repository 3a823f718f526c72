"""Decides what a run has to load, and takes the fences under which it may publish."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Literal, NotRequired, TypedDict

from include.errors import SourceError
from include.ingestion.late import find_late_days
from include.ingestion.tables import ensure_raw_tables
from include.settings.source_base import SourceBase
from include.settings.sources import SourceSettings
from include.sources.deliveries import (
    delivery_path,
    explain_missing,
    find_missing_days,
    find_snapshots,
    hash_file,
)
from include.warehouse.fence import take_fence
from include.warehouse.session import Session, open_session

log = logging.getLogger(__name__)


class BadFile(TypedDict):
    """A file of a source that is not critical, left out by landing; its day as ISO text."""

    day: str
    path: str
    reason: str


class LoadItem(TypedDict):
    """One source to load, in JSON types: days as ISO text, both included.

    ``late`` are items of one earlier day each, marked by ``is_late``. They land together with this one, and are audited
    by themselves.
    """

    source: str
    grain: Literal["daily", "snapshot"]
    from_day: str
    to_day: str
    fence: str
    token: int
    rows: NotRequired[int]
    files: NotRequired[int]
    bad_files: NotRequired[list[BadFile]]
    is_late: NotRequired[bool]
    late: NotRequired[list[LoadItem]]


def plan_load(
    uri: str, sources: SourceSettings, root: Path, from_day: date, to_day: date, *, catch_up_from: date | None = None
) -> list[LoadItem]:
    """List what is to be loaded for a window of days, both included.

    A daily source is always loaded, with the late days before the window
    (:func:`include.ingestion.late.find_late_days`); of a snapshot source the copies that count on a day of the
    window and are not published, or whose file has other content since. A source that is not critical and has no
    file is left out, with a warning. Taking the fences makes every earlier run of the same work stale. The tables
    ``raw.<source>`` are made first (:func:`include.ingestion.tables.ensure_raw_tables`).

    Args:
        catch_up_from: the first day before the window that may be late; none are looked for when absent.

    Raises:
        SourceError: the window is empty, or a critical source has not delivered for all of it.
        WarehouseSchemaError: a published table is not as sources.yml declares it.
        WarehouseError: the warehouse cannot be reached.
    """
    if to_day < from_day:
        raise SourceError(f"The window {from_day} to {to_day} is empty. Give a to_day that is not before from_day.")
    ensure_raw_tables(uri, sources)
    with open_session(uri) as session:
        windows = [
            (name, source, window)
            for name, source in sources.sources.items()
            if (window := _find_window(session, name, source, root, from_day, to_day))
        ]
        before = from_day - timedelta(days=1)
        late = find_late_days(session, sources, root, catch_up_from, before) if catch_up_from else []
        # The same work is the same source for the same run's window, also where a snapshot is older.
        work = f"{from_day}.{to_day}"
        items = [_plan_item(session, name, source, work, *window) for name, source, window in windows]
        return join_items([*items, *(_plan_late_item(session, name, sources.sources[name], day) for name, day in late)])


def item_window(item: LoadItem) -> tuple[date, date]:
    """The first and the last day of an item."""
    return date.fromisoformat(item["from_day"]), date.fromisoformat(item["to_day"])


def join_items(parts: Iterable[LoadItem]) -> list[LoadItem]:
    """One item for each source: the first of its parts, with the others as its late ones."""
    by_source: dict[str, list[LoadItem]] = {}
    for part in parts:
        by_source.setdefault(part["source"], []).append(part)
    return [{**first, "late": late} if late else first for first, *late in by_source.values()]


def split_items(items: Iterable[LoadItem]) -> list[LoadItem]:
    """What :func:`join_items` has joined."""
    parts: list[LoadItem] = []
    for item in items:
        own = item.copy()
        late = own.pop("late", [])
        parts += [own, *late]
    return parts


def has_only_bad_files(item: LoadItem) -> bool:
    """Whether landing left out every file of an item, so that it brought nothing."""
    return bool(item.get("bad_files")) and not item.get("files")


def _plan_item(session: Session, name: str, source: SourceBase, work: str, from_day: date, to_day: date) -> LoadItem:
    fence = f"ingest.{name}.{work}"
    return {
        "source": name,
        "grain": source.grain,
        "from_day": from_day.isoformat(),
        "to_day": to_day.isoformat(),
        "fence": fence,
        "token": take_fence(session, fence),
    }


def _plan_late_item(session: Session, name: str, source: SourceBase, day: date) -> LoadItem:
    """One late day, under the fence of a run that loads this day only."""
    return {**_plan_item(session, name, source, f"{day}.{day}", day, day), "is_late": True}


def _find_window(
    session: Session, name: str, source: SourceBase, root: Path, from_day: date, to_day: date
) -> tuple[date, date] | None:
    if source.grain == "snapshot":
        return _find_snapshot_window(session, name, source, root, from_day, to_day)
    missing = find_missing_days(source, root, from_day, to_day)
    if not missing:
        return from_day, to_day
    error = explain_missing(name, source, root, missing)
    if source.critical:
        raise error
    log.warning("%s It is not critical: the run goes on without.", error)
    is_anything_there = len(missing) <= (to_day - from_day).days
    return (from_day, to_day) if is_anything_there else None


def _find_snapshot_window(
    session: Session, name: str, source: SourceBase, root: Path, from_day: date, to_day: date
) -> tuple[date, date] | None:
    published = session.fetch_all("select batch_day, file_hash from raw.partitions where source = %s", (name,))
    hashes = {row["batch_day"]: row["file_hash"] for row in published}
    days = find_snapshots(source, root, from_day, to_day)
    if not days and not published:
        error = explain_missing(name, source, root, [to_day])
        if source.critical:
            raise error
        log.warning("%s It is not critical: the run goes on without.", error)
    changed = [day for day in days if (hash_file(delivery_path(source, root, day)) or "") != hashes.get(day)]
    return (changed[0], changed[-1]) if changed else None
