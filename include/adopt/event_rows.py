"""Reads a few columns of the files of events: keys, day and value, without looking at what else is in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

from include.adopt.label_counts import DAY, VALUE
from include.errors import SourceError
from include.settings.source_base import SourceBase
from include.sources.columns import ColumnMismatchError, ColumnReader
from include.sources.conversion import find_local_days
from include.sources.files import read_blocks
from include.sources.text_files import UnreadableFileError, inspect_file

if TYPE_CHECKING:
    import pyarrow as pa

_BLOCK_BYTES: Final = 4 << 20
_BLOCK_ROWS: Final = 1 << 16
# A sum of larger numbers could leave double precision; the staging view takes them for unknown.
_LARGEST: Final = 1e150


@dataclass(frozen=True)
class EventReader:
    """Reads rows of events as :func:`include.adopt.label_counts.count_labels` takes them.

    Attributes:
        keys: columns as delivered.
        summed: the column of the value, as delivered; None where events are counted.
        is_counted: each known value counts as 1.
    """

    name: str
    source: SourceBase
    time_zone: str
    keys: Sequence[str]
    summed: str | None = None
    is_counted: bool = False

    def read(self, path: Path, first: date, last: date) -> Iterator[pa.Table]:
        """The rows of one file whose events are of the days from ``first`` to ``last``, in blocks.

        Raises:
            SourceError: the file cannot be read as declared.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        try:
            for block in self._read_columns(path):
                rows = self._arrange(block)
                day = rows.column(DAY)
                is_wanted = pc.and_(pc.greater_equal(day, pa.scalar(first)), pc.less_equal(day, pa.scalar(last)))
                yield rows.filter(is_wanted)
        except (ColumnMismatchError, UnreadableFileError, pa.ArrowException, UnicodeError, OSError) as error:
            for _ in read_blocks(self.name, self.source, path, self.time_zone):
                pass  # says what is wrong with the file, as ingestion will
            raise SourceError(f"Source {self.name!r}, file {path}: it cannot be read ({error}).") from error

    def _arrange(self, block: pa.Table) -> pa.Table:
        import pyarrow as pa
        import pyarrow.compute as pc

        day = block.column(self.source.event_column or "")
        if pa.types.is_timestamp(day.type):
            day = pa.chunked_array([find_local_days(day.combine_chunks(), self.time_zone)])
        # Under names of their own: a key may be called what it likes.
        columns = {f"key_{number}": block.column(name) for number, name in enumerate(self.keys)} | {DAY: day}
        if self.summed:
            value = block.column(self.summed).cast(pa.float64(), safe=False)
            is_small = pc.less(pc.abs(value), _LARGEST)
            value = pa.scalar(1.0) if self.is_counted else value
            columns[VALUE] = pc.if_else(is_small, value, pa.scalar(None, pa.float64()))
        return pa.table(columns)

    def _read_columns(self, path: Path) -> Iterator[pa.Table]:
        """The columns that are needed, in their declared types."""
        import pyarrow as pa

        names = [*dict.fromkeys([*self.keys, self.source.event_column or "", *([self.summed] if self.summed else [])])]
        kind = self.source.file_options.format
        if kind == "jsonl":
            for block in read_blocks(self.name, self.source, path, self.time_zone):
                yield block.select(names)
            return
        decimal = self.source.file_options.csv.decimal
        readers = {name: ColumnReader(name, self.source.columns[name], self.time_zone, decimal) for name in names}
        blocks = _read_parquet(path, names) if kind == "parquet" else _read_csv(self.source, path, names)
        for block in blocks:
            yield pa.table({name: reader.fit(block.column(name)) for name, reader in readers.items()})


def _read_parquet(path: Path, names: list[str]) -> Iterator[pa.Table]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, pre_buffer=False) as file:
        for batch in file.iter_batches(_BLOCK_ROWS, columns=names, use_threads=False):
            yield pa.Table.from_batches([batch])


def _read_csv(source: SourceBase, path: Path, names: list[str]) -> Iterator[pa.Table]:
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    style = source.file_options.csv
    with inspect_file(path, source.file_options.codec, style.encoding).open_utf8() as text:
        blocks = arrow_csv.open_csv(
            text,
            arrow_csv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES),
            arrow_csv.ParseOptions(delimiter=style.delimiter, quote_char=style.quote or False, newlines_in_values=True),
            arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                include_columns=names,
                strings_can_be_null=True,
                null_values=[""],
            ),
        )
        for batch in blocks:
            yield pa.Table.from_batches([batch])
