"""Which earlier deliveries a run loads besides its own: not published yet, or with other content since."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from datetime import date, timedelta

from include.errors import SourceError
from include.ingestion.refused import find_refused, list_parents
from include.settings.source_base import SourceBase
from include.settings.sources import SourceSettings
from include.sources.deliveries import find_snapshots, list_days
from include.sources.source import Deliveries
from include.warehouse.session import Session

log = logging.getLogger(__name__)


def find_late_days(
    session: Session, sources: SourceSettings, reached: Mapping[str, Deliveries], from_day: date, to_day: date
) -> list[tuple[str, date]]:
    """The sources and days of a span, both ends included, that can be loaded now besides the run's own.

    A published day is loaded again when its delivery has another version since, as a file has that was read while it
    was written. A source that does not say a delivery's version is taken to stay the same.

    Of a daily source, left out with a warning are days without a delivery, after the first published one, and days that
    were refused and of which nothing has changed since. A day also waits for the same day of the daily sources that it
    has relations to: without them its rows would be refused. Of a snapshot source it is the copies that count on a day
    of the span, but for the newest one up to the day after it, which the run loads as its own. A live copy has no
    earlier ones.

    Args:
        reached: the deliveries of the sources, without those of sources that are away.
    """
    published = {name: _read_published(session, name) for name in sources.sources}
    found = {
        name: _find_days_of(session, sources, name, reached[name], published[name], from_day, to_day)
        if name in reached
        else set[date]()
        for name in sources.sources
    }
    return [
        (name, day)
        for name, days in found.items()
        for day in sorted(days)
        if all(day in published[one] or day in found[one] for one in list_parents(sources, name))
    ]


def _find_days_of(
    session: Session,
    sources: SourceSettings,
    name: str,
    deliveries: Deliveries,
    published: set[date],
    from_day: date,
    to_day: date,
) -> set[date]:
    """The late days of one source; none, with a warning, when it cannot be asked."""
    try:
        if sources.sources[name].grain == "snapshot":
            days = {*_find_earlier_snapshots(sources.sources[name], deliveries, from_day, to_day)}
            wanted = days - published
        else:
            wanted = {*list_days(from_day, to_day)} - published
            days = {*deliveries.find_days(from_day, to_day)}
            _warn_missing(deliveries, wanted - days, min(published, default=to_day))
        delivered = days & wanted | _find_redelivered(session, name, deliveries, days - wanted)
        return delivered - find_refused(session, sources, name, deliveries, delivered)
    except SourceError as error:
        log.warning("%s The run goes on without days that are not its own; the next one looks again.", error)
        return set()


def _find_earlier_snapshots(source: SourceBase, deliveries: Deliveries, from_day: date, to_day: date) -> list[date]:
    """The copies that count on a day of the span, without the newest one up to the day after it."""
    return [] if source.is_live else find_snapshots(deliveries, from_day, to_day + timedelta(days=1))[:-1]


def _read_published(session: Session, name: str) -> set[date]:
    rows = session.fetch_all("select batch_day from raw.partitions where source = %s", (name,))
    return {row["batch_day"] for row in rows}


def _find_redelivered(session: Session, name: str, deliveries: Deliveries, days: Collection[date]) -> set[date]:
    """Those of the published days that are delivered with another version now, however the source is declared."""
    rows = session.fetch_all(
        "select batch_day, version from raw.partitions where source = %s and batch_day = any(%s) "
        "and version is not null",
        (name, sorted(days)),
    )
    versions = {row["batch_day"]: deliveries.find_version(row["batch_day"]) for row in rows}
    return {
        row["batch_day"]
        for row in rows
        if (version := versions[row["batch_day"]]) and version != row["version"].rpartition(" ")[0]
    }


def _warn_missing(deliveries: Deliveries, days: Collection[date], first_published: date) -> None:
    missing = sorted(day for day in days if day > first_published)
    if missing:
        error = deliveries.explain_missing(missing)
        log.warning("%s The run goes on without days that are not its own; the next one looks again.", error)
