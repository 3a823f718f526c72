"""Fetches and reads the deliveries of a source, for a window of days, block by block."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from include.errors import SourceAwayError, SourceError
from include.settings.source_base import SourceBase
from include.settings.sources import SourceSettings
from include.sources.deliveries import list_days
from include.sources.files import add_days, is_bad_file, read_blocks
from include.sources.source import Deliveries, hash_file

if TYPE_CHECKING:
    import pyarrow as pa

Put = Callable[[Iterator["pa.Table"]], int]
"""Takes in the blocks of one delivery; the number of rows. It keeps none of them where making one raises."""


@dataclass(frozen=True)
class Delivery:
    """One delivery that was read.

    Attributes:
        place: where it came from (:meth:`include.sources.source.Deliveries.describe`).
        file_hash: of the bytes of its file.
        version: as its source said before it was fetched.
    """

    day: date
    place: str
    rows: int
    file_hash: str | None
    version: str | None


@dataclass(frozen=True)
class BadDelivery:
    """One delivery that was left out, and why.

    Attributes:
        is_away: for want of its source, not for what is in it.
        version: as its source said before it was fetched.
    """

    day: date
    place: str
    reason: str
    is_away: bool = False
    version: str | None = None


@dataclass
class SourceReading:
    """The deliveries of a source for a window, before and after they are read.

    Attributes:
        days: those that will be read, oldest first.
        leave_out_bad: a delivery that is gone, not as declared or out of reach raises nothing: it is listed in ``bad``.
        deliveries: what was read.
        bad: what was left out.
    """

    settings: SourceSettings
    name: str
    source: Deliveries
    days: list[date]
    leave_out_bad: bool = False
    deliveries: list[Delivery] = field(default_factory=list)
    bad: list[BadDelivery] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """The rows of what was read."""
        return sum(one.rows for one in self.deliveries)

    @property
    def all_days(self) -> list[date]:
        """The days of all deliveries, also of those left out."""
        return sorted({*self.days, *(one.day for one in self.bad)})

    def read(self, put: Put) -> None:
        """Fetch and read all deliveries, one after another, each into ``put`` block by block.

        The blocks hold the declared columns, ``batch_day`` (date32: the delivery's day) and, for a source
        with an event column, ``day`` (date32: the event's day in the sources' time zone).

        Raises:
            SourceError: names the source, the delivery, what is wrong with it and what to do: missing, not
                readable, other columns than declared, a value of another type, empty where it may not be.
            SourceAwayError: the source cannot be reached.
        """
        with tempfile.TemporaryDirectory(prefix="delivery-") as folder:
            for day in self.days:
                version = None
                try:
                    # What tells one content from another is asked for first: a delivery that is exchanged meanwhile
                    # then counts as another one, and is loaded again.
                    version = self.source.find_version(day)
                    self.deliveries.append(self._fetch_and_read(day, Path(folder), version, put))
                except SourceError as error:
                    is_away = isinstance(error, SourceAwayError)
                    if not (self.leave_out_bad and (is_away or is_bad_file(error))):
                        raise
                    # Of a source that is away, nothing more is asked for.
                    left_out = [one for one in self.days if one >= day] if is_away else [day]
                    self.bad += [
                        BadDelivery(one, self.source.describe(one), str(error), is_away, version) for one in left_out
                    ]
                    if is_away:
                        break

    def _fetch_and_read(self, day: date, folder: Path, version: str | None, put: Put) -> Delivery:
        """Fetch one delivery and read it; the file goes afterwards if it was fetched into ``folder``."""
        path, place = self.source.fetch(day, folder), self.source.describe(day)
        source, time_zone = self.settings.find_source(self.name), self.settings.time_zone
        try:
            file_hash = hash_file(path)
            blocks = read_blocks(self.name, source, path, time_zone, place)
            rows = put(add_days(block, source, time_zone, day) for block in blocks)
        finally:
            if path.parent == folder:
                path.unlink(missing_ok=True)
        return Delivery(day, place, rows, file_hash, version)


def plan_reading(
    settings: SourceSettings,
    name: str,
    deliveries: Deliveries,
    from_day: date,
    to_day: date,
    *,
    leave_out_bad: bool = False,
) -> SourceReading:
    """Find all deliveries of a source for a window, both ends included; nothing is fetched yet.

    A daily source that is not critical may lack deliveries; those that exist will be read.

    Args:
        leave_out_bad: see :class:`SourceReading`; of a source that is away, nothing will be read.

    Raises:
        SourceError: a delivery is missing; names the source, the delivery and what to do.
        SourceAwayError: the source cannot be reached.
    """
    source = settings.find_source(name)
    try:
        days = find_readable_days(source, deliveries, from_day, to_day, may_lack_all=leave_out_bad)
    except SourceAwayError as error:
        if not leave_out_bad:
            raise
        away = BadDelivery(from_day, deliveries.describe(from_day), str(error), is_away=True)
        return SourceReading(settings, name, deliveries, [], leave_out_bad, bad=[away])
    return SourceReading(settings, name, deliveries, days, leave_out_bad)


def find_readable_days(
    source: SourceBase, deliveries: Deliveries, from_day: date, to_day: date, *, may_lack_all: bool = False
) -> list[date]:
    """The days of the window whose deliveries will be read; all of them if none is there and that may be.

    Raises:
        SourceError: a critical daily source lacks a delivery, or there is none at all.
    """
    delivered = set(deliveries.find_days(from_day, to_day))
    days = list_days(from_day, to_day)
    missing = [day for day in days if day not in delivered]
    needs_all = source.critical and source.grain == "daily"
    if missing and (needs_all or (len(missing) == len(days) and not may_lack_all)):
        raise deliveries.explain_missing(missing)
    return [day for day in days if day in delivered] or days
