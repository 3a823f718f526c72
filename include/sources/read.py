"""Fetches and reads the deliveries of a source, for a window of days, into one Arrow table."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from include.errors import SourceAwayError, SourceError
from include.settings.source_base import SourceBase
from include.settings.sources import SourceSettings
from include.sources.deliveries import list_days
from include.sources.files import add_days, declare_schema, is_bad_file, read_file
from include.sources.source import Deliveries, hash_file

if TYPE_CHECKING:
    import pyarrow as pa


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


@dataclass(frozen=True)
class SourceRead:
    """The rows of a window in file order, the deliveries that they came from, and those left out.

    The table holds the declared columns, ``batch_day`` (date32: the delivery's day) and, for a source
    with an event column, ``day`` (date32: the event's day in the sources' time zone).
    """

    table: pa.Table
    deliveries: tuple[Delivery, ...]
    bad: tuple[BadDelivery, ...] = ()

    @property
    def days(self) -> list[date]:
        """The days of all deliveries, also of those left out."""
        return sorted([*(one.day for one in self.deliveries), *(one.day for one in self.bad)])


def read_source(
    settings: SourceSettings,
    name: str,
    deliveries: Deliveries,
    from_day: date,
    to_day: date,
    *,
    leave_out_bad: bool = False,
) -> SourceRead:
    """Fetch and read all deliveries of a source for a window, both ends included, one after another.

    A daily source that is not critical may lack deliveries; those that exist are read.

    Args:
        leave_out_bad: a delivery that is gone, not as declared or out of reach raises nothing: it is listed in
            ``bad`` and none of its rows is in the table.

    Raises:
        SourceError: names the source, the delivery, what is wrong with it and what to do: missing, not
            readable, other columns than declared, a value of another type, empty where it may not be.
        SourceAwayError: the source cannot be reached.
    """
    import pyarrow as pa

    source = settings.find_source(name)
    try:
        days = find_readable_days(source, deliveries, from_day, to_day, may_lack_all=leave_out_bad)
    except SourceAwayError as error:
        if not leave_out_bad:
            raise
        away = BadDelivery(from_day, deliveries.describe(from_day), str(error), is_away=True)
        return SourceRead(_empty_table(source, settings.time_zone, from_day), (), (away,))
    tables = [_empty_table(source, settings.time_zone, from_day)]
    found = []
    bad = []
    with tempfile.TemporaryDirectory(prefix="delivery-") as folder:
        for day in days:
            version = None
            try:
                # What tells one content from another is asked for first: a delivery that is exchanged meanwhile then
                # counts as another one, and is loaded again.
                version = deliveries.find_version(day)
                delivery, table = fetch_and_read(settings, name, deliveries, day, Path(folder), version)
            except SourceError as error:
                is_away = isinstance(error, SourceAwayError)
                if not (leave_out_bad and (is_away or is_bad_file(error))):
                    raise
                # Of a source that is away, nothing more is asked for.
                left_out = [one for one in days if one >= day] if is_away else [day]
                bad += [BadDelivery(one, deliveries.describe(one), str(error), is_away, version) for one in left_out]
                if is_away:
                    break
                continue
            found.append(delivery)
            tables.append(add_days(table, source, settings.time_zone, day))
    return SourceRead(pa.concat_tables(tables), tuple(found), tuple(bad))


def fetch_and_read(
    settings: SourceSettings, name: str, deliveries: Deliveries, day: date, folder: Path, version: str | None
) -> tuple[Delivery, pa.Table]:
    """Fetch one delivery and read it; the file goes afterwards if it was fetched into ``folder``.

    Args:
        version: what the source said of its content just before.
    """
    path, place = deliveries.fetch(day, folder), deliveries.describe(day)
    try:
        file_hash = hash_file(path)
        table = read_file(name, settings.find_source(name), path, settings.time_zone, place)
    finally:
        if path.parent == folder:
            path.unlink(missing_ok=True)
    return Delivery(day, place, table.num_rows, file_hash, version), table


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


def _empty_table(source: SourceBase, time_zone: str, day: date) -> pa.Table:
    return add_days(declare_schema(source).empty_table(), source, time_zone, day)
