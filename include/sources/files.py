"""Reads the files of a source, for a window of days, into one Arrow table."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

from include.errors import SourceAwayError, SourceError
from include.settings.source_base import SourceBase
from include.settings.sources import SourceSettings
from include.sources.columns import BadValueError, ColumnMismatchError, fit_column
from include.sources.conversion import arrow_type, find_local_days
from include.sources.deliveries import delivery_path, explain_missing, find_delivered_days, list_days
from include.sources.formats import FORMAT_NAMES, name_other_kind, name_place, read_columns
from include.sources.text_files import UnreadableFileError

if TYPE_CHECKING:
    import pyarrow as pa

EMPTY_BECAUSE: Final = "empty_because"
"""Key in a Parquet file's metadata under which its writer says why it has no rows."""
# Errors of the disk, the share or the machine: another try may succeed.
_MACHINE_ERRORS: Final = frozenset(
    {
        errno.EIO,
        errno.ESTALE,
        errno.ETIMEDOUT,
        errno.ENOTCONN,
        errno.EHOSTDOWN,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOMEM,
    }
)


@dataclass(frozen=True)
class Delivery:
    """One file that was read."""

    day: date
    path: Path
    rows: int


@dataclass(frozen=True)
class BadDelivery:
    """One file that was left out, and why."""

    day: date
    path: Path
    reason: str


@dataclass(frozen=True)
class SourceRead:
    """The rows of a window in file order, the files that they came from, and the files left out.

    The table holds the declared columns, ``batch_day`` (date32: the file's day) and, for a source
    with an event column, ``day`` (date32: the event's day in the sources' time zone).
    """

    table: pa.Table
    deliveries: tuple[Delivery, ...]
    bad: tuple[BadDelivery, ...] = ()

    @property
    def days(self) -> list[date]:
        """The days of all files, also of those left out."""
        return sorted([*(one.day for one in self.deliveries), *(one.day for one in self.bad)])


def read_source(
    settings: SourceSettings, name: str, root: Path, from_day: date, to_day: date, *, leave_out_bad: bool = False
) -> SourceRead:
    """Read all files of a source for a window, both ends included.

    A daily source that is not critical may lack files; those that exist are read.

    Args:
        leave_out_bad: a file that is gone or not as declared raises nothing: it is listed in ``bad`` and
            none of its rows is in the table.

    Raises:
        SourceError: names the source, the file, what is wrong with it and what to do: missing, not
            readable, other columns than declared, a value of another type, empty where it may not be.
    """
    import pyarrow as pa

    source = settings.find_source(name)
    days = find_readable_days(name, source, root, from_day, to_day, may_lack_all=leave_out_bad)
    tables = [add_days(declare_schema(source).empty_table(), source, settings.time_zone, from_day)]
    deliveries = []
    bad = []
    for day in days:
        path = delivery_path(source, root, day)
        try:
            table = read_file(name, source, path, settings.time_zone)
        except SourceError as error:
            if not (leave_out_bad and is_bad_file(error)):
                raise
            bad.append(BadDelivery(day, path, str(error)))
            continue
        deliveries.append(Delivery(day, path, table.num_rows))
        tables.append(add_days(table, source, settings.time_zone, day))
    return SourceRead(pa.concat_tables(tables), tuple(deliveries), tuple(bad))


def is_bad_file(error: SourceError) -> bool:
    """Whether a file is bad, not the disk, share, server or machine that it was read with."""
    is_machine = getattr(error.__cause__, "errno", None) in _MACHINE_ERRORS
    return not is_machine and not isinstance(error, SourceAwayError)


def declare_schema(source: SourceBase) -> pa.Schema:
    """The declared columns and their types."""
    import pyarrow as pa

    return pa.schema([(column, arrow_type(item.type)) for column, item in source.columns.items()])


def find_readable_days(
    name: str, source: SourceBase, root: Path, from_day: date, to_day: date, *, may_lack_all: bool = False
) -> list[date]:
    """The days of the window whose files will be read; all of them if none is there and that may be.

    Raises:
        SourceError: a critical daily source lacks a file, or there is none at all.
    """
    delivered = set(find_delivered_days(source, root))
    days = list_days(from_day, to_day)
    missing = [day for day in days if day not in delivered]
    needs_all = source.critical and source.grain == "daily"
    if missing and (needs_all or (len(missing) == len(days) and not may_lack_all)):
        raise explain_missing(name, source, root, missing)
    return [day for day in days if day in delivered] or days


def read_file(name: str, source: SourceBase, path: Path, time_zone: str) -> pa.Table:
    """Read one file with its declared columns, in their declared order and types.

    Args:
        time_zone: the zone of the sources; see :func:`include.sources.columns.fit_column`.

    Raises:
        SourceError: see :func:`read_source`.
    """
    import pyarrow as pa

    _check_bytes(name, path)
    try:
        raw = read_columns(source, path)
        columns = {
            column: fit_column(column, raw.column(column), settings, time_zone, source.file_options.csv.decimal)
            for column, settings in source.columns.items()
        }
    except BadValueError as bad:
        raise _explain_mismatch(name, path, bad.describe(name_place(source, path, bad.position))) from None
    except (ColumnMismatchError, UnreadableFileError, pa.ArrowException, OSError) as error:
        other = name_other_kind(source, path)
        if isinstance(error, ColumnMismatchError) and not other:
            raise _explain_mismatch(name, path, str(error)) from None
        raise _explain_unreadable(name, source, path, error, other) from error
    if raw.num_rows == 0 and not _may_be_empty(source, raw):
        raise SourceError(
            f"Source {name!r}, file {path}: it has columns but no rows, and sources.yml says "
            f"allow_empty: {str(source.allow_empty).lower()}. Have the source deliver the day again"
            + (f", or declare in the file's metadata why it is empty (key {EMPTY_BECAUSE})." if
               source.allow_empty == "if_declared" else ", or allow empty files there.")
        )  # fmt: skip
    return pa.table(columns, schema=declare_schema(source))


def add_days(table: pa.Table, source: SourceBase, time_zone: str, batch_day: date) -> pa.Table:
    """Append ``day`` (where there is an event column) and ``batch_day``."""
    import pyarrow as pa

    if source.event_column is not None:
        event = table.column(source.event_column)
        if pa.types.is_timestamp(event.type):
            event = find_local_days(event, time_zone)
        table = table.append_column("day", event)
    batch_days = pa.repeat(pa.scalar(batch_day, pa.date32()), table.num_rows)
    return table.append_column("batch_day", batch_days)


def _may_be_empty(source: SourceBase, raw: pa.Table) -> bool:
    if source.allow_empty == "if_declared":
        return bool((raw.schema.metadata or {}).get(EMPTY_BECAUSE.encode()))
    return bool(source.allow_empty)


def _check_bytes(name: str, path: Path) -> None:
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise SourceError(
            f"Source {name!r}, file {path}: it is missing. Have the source deliver it and run again."
        ) from None
    if size == 0:
        raise SourceError(f"Source {name!r}, file {path}: it is empty (0 bytes). Have the source deliver it again.")


def _explain_mismatch(name: str, path: Path, mismatch: str) -> SourceError:
    return SourceError(
        f"Source {name!r}, file {path}: {mismatch}. Have the source deliver it as declared, or change "
        f"the columns of {name!r} in sources.yml, and run again."
    )


def _explain_unreadable(
    name: str, source: SourceBase, path: Path, error: Exception, other_kind: str | None
) -> SourceError:
    if other_kind:
        problem = f"it is {other_kind}"
    elif isinstance(error, UnreadableFileError):
        problem = str(error)
    else:  # an error of the system says itself what is wrong
        problem = getattr(error, "strerror", None) or f"it is truncated or corrupt ({str(error).strip()})"
    return SourceError(
        f"Source {name!r}, file {path}: it cannot be read as {FORMAT_NAMES[source.file_options.format]}: {problem}. "
        "Correct that or have the source deliver it again, and run again."
    )
