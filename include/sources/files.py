"""Reads the file of one delivery, block by block, with the columns that are declared."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

from include.errors import SourceAwayError, SourceError
from include.settings.source_base import SourceBase
from include.sources.columns import BadValueError, ColumnMismatchError, ColumnReader
from include.sources.conversion import arrow_type, find_local_days
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


def is_bad_file(error: SourceError) -> bool:
    """Whether a delivery is bad, not the network, disk, share or machine that it was read with."""
    return not isinstance(error, SourceAwayError) and getattr(error.__cause__, "errno", None) not in _MACHINE_ERRORS


def declare_schema(source: SourceBase) -> pa.Schema:
    """The declared columns and their types."""
    import pyarrow as pa

    return pa.schema([(column, arrow_type(item.type)) for column, item in source.columns.items()])


def read_blocks(name: str, source: SourceBase, path: Path, time_zone: str, place: str = "") -> Iterator[pa.Table]:
    """Read one file in blocks of its declared columns, in their declared order and types; one block at least.

    A file is known to be good when all of its blocks were read, and not before.

    Args:
        time_zone: the zone of the sources; see :class:`include.sources.columns.ColumnReader`.
        place: what messages call the file; its path when absent.

    Raises:
        SourceError: names the source, the file, what is wrong with it and what to do: missing, not readable, other
            columns than declared, a value of another type, empty where it may not be.
    """
    import pyarrow as pa

    start = f"Source {name!r}, file {place or path}"
    _check_bytes(start, path)
    rows, may_be_empty = 0, False
    try:
        for raw, block in _fit_blocks(source, path, time_zone):
            rows, may_be_empty = rows + block.num_rows, _may_be_empty(source, raw)
            yield block
    except BadValueError as bad:
        raise _explain_mismatch(start, name, bad.describe(name_place(source, path, bad.position))) from None
    except (ColumnMismatchError, UnreadableFileError, pa.ArrowException, OSError) as error:
        other = name_other_kind(source, path)
        if isinstance(error, ColumnMismatchError) and not other:
            raise _explain_mismatch(start, name, str(error)) from None
        raise _explain_unreadable(start, source, error, other) from error
    if rows == 0 and not may_be_empty:
        raise SourceError(
            f"{start}: it has columns but no rows, and sources.yml says "
            f"allow_empty: {str(source.allow_empty).lower()}. Have the source deliver the day again"
            + (f", or declare in the file's metadata why it is empty (key {EMPTY_BECAUSE})." if
               source.allow_empty == "if_declared" else ", or allow empty files there.")
        )  # fmt: skip


def _fit_blocks(source: SourceBase, path: Path, time_zone: str) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Blocks as they are in the file, and as declared.

    A value that does not fit is reported when the rest of the file could be read: a quote that is not closed, or a
    truncated file, explains more.
    """
    import pyarrow as pa

    readers = {
        name: ColumnReader(name, column, time_zone, source.file_options.csv.decimal)
        for name, column in source.columns.items()
    }
    schema = declare_schema(source)
    blocks = iter(read_columns(source, path))
    for raw in blocks:
        try:
            columns = {name: reader.fit(raw.column(name)) for name, reader in readers.items()}
        except BadValueError:
            for _ in blocks:
                pass
            raise
        yield raw, pa.table(columns, schema=schema)


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


def _check_bytes(start: str, path: Path) -> None:
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise SourceError(f"{start}: it is missing. Have the source deliver it and run again.") from None
    if size == 0:
        raise SourceError(f"{start}: it is empty (0 bytes). Have the source deliver it again.")


def _explain_mismatch(start: str, name: str, mismatch: str) -> SourceError:
    return SourceError(
        f"{start}: {mismatch}. Have the source deliver it as declared, or change the columns of {name!r} in "
        "sources.yml, and run again."
    )


def _explain_unreadable(start: str, source: SourceBase, error: Exception, other_kind: str | None) -> SourceError:
    if other_kind:
        problem = f"it is {other_kind}"
    elif isinstance(error, UnreadableFileError):
        problem = str(error)
    else:  # an error of the system says itself what is wrong
        problem = getattr(error, "strerror", None) or f"it is truncated or corrupt ({str(error).strip()})"
    return SourceError(
        f"{start}: it cannot be read as {FORMAT_NAMES[source.file_options.format]}: {problem}. "
        "Correct that or have the source deliver it again, and run again."
    )
