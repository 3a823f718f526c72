"""Decides what a run has to load, and takes the fences under which it may publish."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Literal, NotRequired, TypedDict

from include.errors import DeliveryMissingError, SourceError, StaleWriterError
from include.ingestion.late import find_late_days
from include.ingestion.source_plan import SourcePlan, left_out_if_optional
from include.ingestion.tables import ensure_raw_tables
from include.settings.source_base import SourceBase
from include.sources.deliveries import SourceOpener
from include.sources.source import Deliveries
from include.warehouse.fence import check_fence, take_fence
from include.warehouse.session import Session, open_session

log = logging.getLogger(__name__)


class BadFile(TypedDict):
    """A delivery of a source that is not critical, left out by landing; its day as ISO text.

    ``version`` is what landing notes of others in ``landing.deliveries``.
    """

    day: str
    path: str
    reason: str
    version: NotRequired[str | None]


class LoadItem(TypedDict):
    """One source to load, in JSON types: days as ISO text, both included.

    ``late`` are items of one earlier day each, marked by ``is_late``. They land together with this one, and are audited
    by themselves. ``is_away`` marks an item of which nothing landed, because its source was away, ``is_taken`` a
    late one of which nothing landed, because a newer run loads it, ``is_refused`` one that the audit refused.
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
    is_away: NotRequired[bool]
    is_taken: NotRequired[bool]
    is_refused: NotRequired[bool]
    late: NotRequired[list[LoadItem]]


def plan_load(
    uri: str, opener: SourceOpener, from_day: date, to_day: date, *, catch_up_from: date | None = None
) -> list[LoadItem]:
    """List what is to be loaded for a window of days, both included.

    A daily source is always loaded; of a snapshot source the copies that count on a day of the window and are not
    published, or have other content since; of both, what is late (:func:`include.ingestion.late.find_late_days`).
    Days whose source says that they are as they were published are left out at both ends of the window. A source that
    is not critical and has delivered nothing, or is away, is left out, with a warning. Where a critical daily source
    has not delivered for the window, late days are loaded all the same, with the snapshots and without the window's own
    days, of any daily source. Taking the fences makes every earlier run of the same work stale. The tables
    ``raw.<source>`` are made first (:func:`include.ingestion.tables.ensure_raw_tables`).

    Args:
        catch_up_from: the first day before the window that may be late. None: no late ones are looked for, and no
            live copy that is newer than the window.

    Raises:
        SourceError: the window is empty.
        DeliveryMissingError: a critical source has not delivered for all of it, and nothing is late.
        SourceAwayError: a critical source cannot be reached.
        WarehouseSchemaError: a published table is not as sources.yml declares it.
        WarehouseError: the warehouse cannot be reached.
    """
    if to_day < from_day:
        raise SourceError(f"The window {from_day} to {to_day} is empty. Give a to_day that is not before from_day.")
    sources = opener.settings
    ensure_raw_tables(uri, sources)
    may_be_newer = catch_up_from is not None
    reached: dict[str, Deliveries] = {}
    with open_session(uri) as session:
        windows = []
        missing: list[DeliveryMissingError] = []
        for name, source in sources.sources.items():
            with left_out_if_optional(source):
                deliveries = opener.open(name)
                plan = SourcePlan(session, sources.time_zone, name, source, deliveries)
                try:
                    windows.append((name, source, plan.find_window(from_day, to_day, may_be_newer=may_be_newer)))
                except DeliveryMissingError as error:
                    if source.grain == "snapshot":
                        raise
                    missing.append(error)
                reached[name] = deliveries
        before = from_day - timedelta(days=1)
        late = find_late_days(session, sources, reached, catch_up_from, before) if catch_up_from else []
        if missing:
            if not late:
                raise missing[0]
            for one in missing:
                log.warning("%s The run loads late days without its own, and fails when they are published.", one)
            windows = [window for window in windows if window[1].grain == "snapshot"]
        # The same work is the same source for the same run's window, also where a snapshot is older.
        work = f"{from_day}.{to_day}"
        items = [_plan_item(name, source, work, *window) for name, source, window in windows if window]
        items += [_plan_late_item(name, sources.sources[name], day) for name, day in late]
        return join_items(take_fences(session, items))


def take_fences(session: Session, items: Sequence[LoadItem]) -> list[LoadItem]:
    """The items, each with a token of its fence; all plans take them in the same order, so that none blocks another."""
    tokens = {fence: take_fence(session, fence) for fence in sorted({item["fence"] for item in items})}
    return [{**item, "token": tokens[item["fence"]]} for item in items]


def hold_fences(session: Session, items: Sequence[LoadItem]) -> list[LoadItem]:
    """Hold the fences of the items to the end of the transaction; the items without late ones of a newer run.

    Raises:
        StaleWriterError: a newer run has taken an item that is not late.
    """
    stale = set()
    for item in sorted(items, key=lambda one: one["fence"]):
        try:
            check_fence(session, item["fence"], item["token"])
        except StaleWriterError:
            if not item.get("is_late"):
                raise
            stale.add(item["fence"])
            log.warning(
                "%s of the late day %s is left to a newer run, which has taken it.", item["source"], item["from_day"]
            )
    return [item for item in items if item["fence"] not in stale]


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


def drop_away(items: Iterable[LoadItem]) -> list[LoadItem]:
    """Without those of which nothing landed, because their source was away or a newer run loads them."""
    return [item for item in items if not item.get("is_away") and not item.get("is_taken")]


def has_only_bad_files(item: LoadItem) -> bool:
    """Whether landing left out every file of an item, so that it brought nothing."""
    return bool(item.get("bad_files")) and not item.get("files")


def _plan_item(name: str, source: SourceBase, work: str, from_day: date, to_day: date) -> LoadItem:
    """An item without its token."""
    return {
        "source": name,
        "grain": source.grain,
        "from_day": from_day.isoformat(),
        "to_day": to_day.isoformat(),
        "fence": f"ingest.{name}.{work}",
        "token": 0,
    }


def _plan_late_item(name: str, source: SourceBase, day: date) -> LoadItem:
    """One late day, under the fence of a run that loads this day only."""
    return {**_plan_item(name, source, f"{day}.{day}", day, day), "is_late": True}
