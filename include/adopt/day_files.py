"""Makes one file of all rows into one file for each day of its events, as a source with daily deliveries has them."""

from __future__ import annotations

import filecmp
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from include.adopt.column_facts import ColumnFacts
from include.adopt.proposal import NewSource
from include.commands.console import Pace
from include.errors import SourceError
from include.settings.source_kinds import FileSource
from include.sources.conversion import find_local_days
from include.sources.files import EMPTY_BECAUSE, declare_schema, read_blocks

if TYPE_CHECKING:
    import pyarrow as pa

SPILL_BYTES: Final = 256 << 20
"""Rows that are held in memory before they are put aside, in bytes."""
_EPOCH: Final = date(1970, 1, 1)
_MAX_DAYS: Final = 20_000
_DRAFTS: Final = ".drafts"


@dataclass
class DayRows:
    """Rows by day: the newest in memory, those before put aside in a folder.

    Attributes:
        days: all that have rows.
    """

    folder: Path
    limit: int
    days: set[date] = field(default_factory=set)
    _held: dict[date, list[pa.Table]] = field(default_factory=lambda: defaultdict(list))
    _size: int = 0
    _spills: int = 0

    def add(self, table: pa.Table, days: pa.Array) -> None:
        """Take rows and their days (date32), of any order."""
        import numpy as np
        import pyarrow as pa

        numbers = np.asarray(days.cast(pa.int32()).to_numpy(zero_copy_only=False))
        order = np.argsort(numbers, kind="stable")
        ordered = table.take(pa.array(order))
        values, starts = np.unique(numbers[order], return_index=True)
        for value, start, end in zip(values, starts, [*starts[1:], len(order)], strict=True):
            day = _EPOCH + timedelta(days=int(value))
            self._held[day].append(ordered.slice(start, end - start))
            self.days.add(day)
        self._size += table.nbytes
        if self._size > self.limit:
            self._put_aside()

    def take(self, day: date) -> list[pa.Table]:
        """The rows of a day, in the order in which they came."""
        import pyarrow.parquet as pq

        aside = [self.folder / f"{day}-{number}.parquet" for number in range(self._spills)]
        return [*(pq.read_table(path) for path in aside if path.exists()), *self._held.pop(day, [])]

    def _put_aside(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        for day, tables in self._held.items():
            pq.write_table(pa.concat_tables(tables), self.folder / f"{day}-{self._spills}.parquet")
        self._held.clear()
        self._size, self._spills = 0, self._spills + 1


@dataclass(frozen=True)
class DayFiles:
    """What was written.

    Attributes:
        empty_days: days between the first and the last one without rows; their files say so.
    """

    folder: Path
    first: date
    last: date
    row_count: int
    empty_days: int
    columns: dict[str, dict[str, Any]]


def split_by_day(new: NewSource, event: str, time_zone: str, folder: Path, tell: Callable[[str], None]) -> DayFiles:
    """Write the rows of a source's only file into a folder, as ``{day}.parquet``; the folder is there whole at the end.

    A folder that holds the very same files already, as after an adoption that was interrupted, stays.

    Args:
        new: the source as it was found, of one file.
        event: the column that says when a row happened; never null.
        time_zone: whose days.
        tell: takes lines about what is done, where it takes long.

    Raises:
        SourceError: the folder holds other files, the file cannot be read, an event has no time, or the days are too
            many to be real.
    """
    path = new.files.files[0].path
    facts = ColumnFacts.of(new.declaration.content["columns"])
    folder.parent.mkdir(parents=True, exist_ok=True)
    for left in folder.parent.glob(f".{folder.name}.*{_DRAFTS}"):
        shutil.rmtree(left)  # of a process that was killed
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.", suffix=_DRAFTS) as place:
        drafts, aside = Path(place) / "files", Path(place) / "aside"
        drafts.mkdir()
        aside.mkdir()
        rows = DayRows(aside, SPILL_BYTES)
        count, pace = 0, Pace(tell)
        for block in read_blocks(new.name, new.source, path, time_zone):
            rows.add(block, _find_days(block, event, time_zone, path))
            facts.look_at(block)
            count += block.num_rows
            pace.say(f"  {new.name}: {count:,} rows read of {path.name} ({path.stat().st_size / 1e6:,.0f} MB)")
        first, last = min(rows.days), max(rows.days)
        check_days(first, last, event, path)
        for day in list_days(first, last):
            pace.say(f"  {new.name}: days written until {day}, of {first} to {last}")
            _write_day(drafts / f"{day}.parquet", rows.take(day), new.source, path.name)
        _put_in_place(drafts, folder)
    return DayFiles(folder, first, last, count, (last - first).days + 1 - len(rows.days), facts.describe())


def _put_in_place(drafts: Path, folder: Path) -> None:
    if not folder.exists() or not any(folder.iterdir()):
        with suppress(FileNotFoundError):
            folder.rmdir()
        shutil.move(drafts, folder)
        return
    names = [path.name for path in drafts.iterdir()]
    _, differing, absent = filecmp.cmpfiles(drafts, folder, names, shallow=False)
    if differing or absent or len(names) != len(list(folder.iterdir())):
        raise SourceError(f"{folder} holds other files already; remove it, or give the source another name.")


def _find_days(block: pa.Table, event: str, time_zone: str, path: Path) -> pa.Array:
    import pyarrow as pa

    values = block.column(event).combine_chunks()
    if values.null_count:
        raise SourceError(
            f"{path}: {values.null_count} row(s) have no {event}, which says when a row happened. Take them out, or "
            "name another column that is always there."
        )
    return find_local_days(values, time_zone) if pa.types.is_timestamp(values.type) else values


def check_days(first: date, last: date, event: str, path: Path) -> None:
    """Refuse so many days that some cannot be real.

    Raises:
        SourceError: names the column and the days.
    """
    if (last - first).days >= _MAX_DAYS:
        raise SourceError(
            f"{path}: {event} goes from {first} to {last}. Correct or take out the rows whose dates cannot be, or name "
            "another column that says when a row happened."
        )


def list_days(first: date, last: date) -> Iterator[date]:
    """The days from the first to the last one."""
    return (first + timedelta(days=offset) for offset in range((last - first).days + 1))


def _write_day(path: Path, tables: list[pa.Table], source: FileSource, origin: str) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = declare_schema(source)
    if not tables:
        schema = schema.with_metadata({EMPTY_BECAUSE: f"{origin} has no rows of this day"})
    pq.write_table(pa.concat_tables(tables) if tables else schema.empty_table(), path)
