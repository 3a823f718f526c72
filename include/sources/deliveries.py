"""What a source has delivered and what is missing, whatever kind of source it is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from include.errors import SourceAwayError, SourceError
from include.settings.http_source import HttpSource
from include.settings.postgres_source import PostgresSource
from include.settings.source_base import ConnectedSource
from include.settings.source_kinds import FileSource, ObjectStoreSource
from include.settings.sources import SourceSettings
from include.sources.file_deliveries import FileDeliveries
from include.sources.http_api import open_api
from include.sources.object_store import ObjectStoreDeliveries
from include.sources.postgres import open_table
from include.sources.source import Deliveries, SourceAccess

log = logging.getLogger(__name__)


def refuse_access(connection: str) -> SourceAccess:
    """The access of who has no connections.

    Raises:
        SourceError: always.
    """
    raise SourceError(f"There is no connection {connection!r} here. Run this where Airflow's connections are known.")


@dataclass(frozen=True)
class SourceOpener:
    """Opens sources by their names.

    Attributes:
        root: the folder of the sources that are files.
        read_access: the access that a connection gives, by the connection's name.
    """

    settings: SourceSettings
    root: Path
    read_access: Callable[[str], SourceAccess] = refuse_access

    def open(self, name: str) -> Deliveries:
        """The deliveries of one source.

        Raises:
            SourceError: there is no such source, or its connection does not exist; names both.
        """
        source = self.settings.find_source(name)
        access = self._find_access(name, source) if isinstance(source, ConnectedSource) else SourceAccess()
        return open_deliveries(self.settings, name, self.root, access)

    def _find_access(self, name: str, source: ConnectedSource) -> SourceAccess:
        try:
            return self.read_access(source.connection)
        except SourceError as error:
            raise type(error)(f"Source {name!r}: {error}") from error


def open_deliveries(settings: SourceSettings, name: str, root: Path, access: SourceAccess) -> Deliveries:
    """The deliveries of a source, by its kind.

    Args:
        access: address and secrets from the connection that the source names.
    """
    match source := settings.find_source(name):
        case FileSource():
            return FileDeliveries(name, source, root)
        case ObjectStoreSource():
            return ObjectStoreDeliveries(name, source, access)
        case HttpSource():
            return open_api(name, source, access, settings.time_zone)
        case PostgresSource():
            return open_table(name, source, access, settings.time_zone)


def list_days(from_day: date, to_day: date) -> list[date]:
    """Every day of a window, both ends included."""
    return [from_day + timedelta(days=offset) for offset in range((to_day - from_day).days + 1)]


def find_missing_days(deliveries: Deliveries, from_day: date, to_day: date) -> list[date]:
    """The days of a window for which a daily source has no delivery."""
    delivered = set(deliveries.find_days(from_day, to_day))
    return [day for day in list_days(from_day, to_day) if day not in delivered]


@dataclass(frozen=True)
class Look:
    """What is there of a day at one moment.

    Attributes:
        missing: where the deliveries should be that are not there.
        changed_at: of each other one, by its place, when it was changed last; without those of which nobody knows.
    """

    missing: list[str]
    changed_at: dict[str, datetime]

    def list_waited_for(self, before: Look | None, since: datetime) -> list[str]:
        """What is missing, or may be written still: changed after ``since`` and not as an earlier look has found it."""
        known = before.changed_at if before else {}
        return self.missing + [
            place for place, moment in self.changed_at.items() if moment > since and known.get(place) != moment
        ]


def look_for(opener: SourceOpener, names: Iterable[str], day: date) -> Look:
    """Look for the deliveries of a day of these daily sources.

    A source that is away lacks its own. What another try does not mend is not missing: planning says what it is.
    """
    look = Look([], {})
    for name in names:
        try:
            deliveries = opener.open(name)
        except SourceError as error:
            log.debug("%s", error)
            continue
        try:
            if find_missing_days(deliveries, day, day):
                look.missing.append(deliveries.describe(day))
            elif moment := deliveries.find_changed_at(day):
                look.changed_at[deliveries.describe(day)] = moment
        except SourceAwayError as error:
            log.warning("%s", error)
            look.missing.append(deliveries.describe(day))
        except SourceError as error:
            log.debug("%s", error)
    return look


def list_daily(settings: SourceSettings) -> list[str]:
    """The names of the daily sources."""
    return [name for name, source in settings.sources.items() if source.grain == "daily"]


def find_snapshots(deliveries: Deliveries, from_day: date, to_day: date) -> list[date]:
    """The days of the whole copies that count on a day of the window: those within, and the newest one before."""
    delivered = deliveries.find_days(date.min, to_day)
    first = max((day for day in delivered if day <= from_day), default=from_day)
    return [day for day in delivered if day >= first]
