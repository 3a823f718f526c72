"""One delivered file in any format: its declared columns in blocks, the place of a row, what it is instead."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from include.settings.file_formats import FileFormat
from include.settings.source_base import SourceBase
from include.sources import csv_files, json_lines
from include.sources.columns import check_names
from include.sources.text_files import CODECS, TextFile, inspect_file

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

# So much of a Parquet file is decoded at once: many rows, and no more bytes where these are wide.
_BLOCK_ROWS: Final = 1 << 16
_BLOCK_BYTES: Final = 32 << 20
_READ_BYTES: Final = 1 << 20
FORMAT_NAMES: Final[dict[FileFormat, str]] = {"parquet": "Parquet", "csv": "CSV", "jsonl": "JSON lines"}
# First bytes of what is delivered under the name of another format.
_KINDS: Final = {
    b"PAR1": "a Parquet file",
    b"PK\x03\x04": "an Excel workbook or a ZIP archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF",
    b"<": "a page of HTML or XML",
    **{magic: f"packed with {codec}" for magic, codec in CODECS.items()},
    b"BZh": "packed with bzip2",
    b"\xfd7zXZ": "packed with xz",
}


def read_columns(source: SourceBase, path: Path) -> Iterator[pa.Table]:
    """The declared columns of a file in blocks, in the types that the file has; text where it has none.

    There is one block at least. What is wrong may be found when other blocks were read already.

    Raises:
        ColumnMismatchError: its columns are others than those declared.
        UnreadableFileError: names what is wrong with it, and where.
        pyarrow.ArrowException, OSError: it is damaged, or the disk fails.
    """
    if source.file_options.format == "parquet":
        return _read_parquet(source, path)
    file = _inspect(source, path)
    return (
        csv_files.read_csv(file, source)
        if source.file_options.format == "csv"
        else json_lines.read_json_lines(file, source)
    )


def check_header(source: SourceBase, path: Path) -> None:
    """Compare the columns that a file names with those declared; no rows are read, and of JSON lines nothing.

    Raises:
        ColumnMismatchError: its columns are others than those declared.
        UnreadableFileError: its header cannot be read.
        pyarrow.ArrowException, OSError, UnicodeError: it is damaged, or the disk fails.
    """
    if source.file_options.format == "csv":
        csv_files.read_header(_inspect(source, path), source)
    elif source.file_options.format == "parquet":
        import pyarrow.parquet as pq

        check_names(pq.read_schema(path).names, list(source.columns))


def name_place(source: SourceBase, path: Path, position: int) -> str:
    """The place of a row in its file: its line in a file of text, else its number; ``position`` is from 0."""
    line = None
    if source.file_options.format == "csv":
        line = csv_files.find_line(_inspect(source, path), source.file_options.csv, position)
    elif source.file_options.format == "jsonl":
        line = json_lines.find_line(_inspect(source, path), position)
    return f"line {line}" if line else f"row {position + 1}"


def name_other_kind(source: SourceBase, path: Path) -> str | None:
    """What a file that could not be read is instead, as far as its first bytes say so."""
    try:
        with path.open("rb") as file:
            start = file.read(8)
    except OSError:
        return None
    own = {b"PAR1"} if source.file_options.format == "parquet" else CODECS.keys()
    return next((kind for magic, kind in _KINDS.items() if start.startswith(magic) and magic not in own), None)


def _read_parquet(source: SourceBase, path: Path) -> Iterator[pa.Table]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    # Read as it is decoded: by default, Arrow holds all of the file that was read.
    with pq.ParquetFile(path, buffer_size=_READ_BYTES, pre_buffer=False) as file:
        check_names(file.schema_arrow.names, list(source.columns))
        if not file.metadata.num_rows:
            yield file.schema_arrow.empty_table()
        # A file of a few thousand rows is read faster by one thread than handed to several.
        for batch in file.iter_batches(_fit_block(file.metadata), use_threads=False):
            yield pa.Table.from_batches([batch])


def _fit_block(metadata: pq.FileMetaData) -> int:
    """Rows of a block."""
    size = sum(int(metadata.row_group(index).total_byte_size) for index in range(metadata.num_row_groups))
    return max(1, min(_BLOCK_ROWS, _BLOCK_BYTES * int(metadata.num_rows) // max(size, 1)))


def _inspect(source: SourceBase, path: Path) -> TextFile:
    return inspect_file(path, source.file_options.codec, source.file_options.csv.encoding)
