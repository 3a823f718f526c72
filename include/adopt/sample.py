"""Reads a bounded sample of the files of one source: the first rows of a few files, in the types that they have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from include.adopt.csv_style import find_style, read_column_names
from include.adopt.file_sets import DatedFile, FileSet
from include.adopt.json_rows import read_json_rows
from include.errors import SourceError
from include.settings.file_formats import CsvSettings
from include.settings.section import check_section
from include.settings.source_kinds import FileSource
from include.settings.source_names import check_column_name
from include.sources.columns import ColumnMismatchError, check_names
from include.sources.formats import FORMAT_NAMES, name_other_kind, read_columns
from include.sources.text_files import UnreadableFileError, inspect_file

if TYPE_CHECKING:
    import pyarrow as pa

MAX_ROWS: Final = 50_000
"""Rows that are read of one file."""
_FIRST_FILES: Final = 10
_LAST_FILES: Final = 2
_NAME_LENGTH: Final = 100
_MAX_BYTES: Final = 256 << 20
_Part = TypeVar("_Part")
_Read = Callable[[DatedFile, FileSet, CsvSettings | None], _Part]


@dataclass(frozen=True)
class FileSample:
    """The first rows of one file; ``codec`` is what a file of text is packed with."""

    file: DatedFile
    rows: pa.Table
    codec: str | None = None

    @property
    def name(self) -> str:
        """The file's name."""
        return self.file.path.name


@dataclass(frozen=True)
class Sample:
    """What was read of the files of a source.

    Attributes:
        files: oldest first, those without rows included.
        headers: the files of which no rows were read, with their columns; of JSON lines, which have no header, none.
        style: of CSV only.
        questions: what is unsure of the style.
    """

    files: tuple[FileSample, ...]
    headers: tuple[tuple[str, set[str]], ...] = ()
    style: CsvSettings | None = None
    questions: tuple[str, ...] = ()

    @property
    def row_count(self) -> int:
        """The rows of all files that were read."""
        return sum(one.rows.num_rows for one in self.files)


def read_sample(files: FileSet) -> Sample:
    """The first rows of the first files and of the last ones, and the columns of all.

    Raises:
        SourceError: a file cannot be read, or has a column that cannot be declared; names both.
    """
    chosen = files.files
    if len(chosen) > _FIRST_FILES + _LAST_FILES:
        chosen = (*chosen[:_FIRST_FILES], *chosen[-_LAST_FILES:])
    style: CsvSettings | None = None
    questions: tuple[str, ...] = ()
    for file in files.files:
        if file.path.stat().st_size == 0:
            raise SourceError(f"{file.path} is empty (0 bytes); have it delivered again, or take it out of the folder.")
    if files.format == "csv":
        try:
            guess = find_style([file.path for file in chosen])
        except UnreadableFileError as error:
            raise SourceError(f"{error}; have it delivered again, or take it out of the folder.") from error
        style, questions = guess.style, guess.questions
    read = tuple(_read_file(file, files, style, _read_rows) for file in chosen)
    others = () if files.format == "jsonl" else tuple(one for one in files.files if one not in chosen)
    headers = tuple((one.path.name, set(_read_file(one, files, style, _read_names))) for one in others)
    return Sample(read, headers, style, questions)


def _read_file(file: DatedFile, files: FileSet, style: CsvSettings | None, read: _Read[_Part]) -> _Part:
    """Something of a file; what is wrong with it is told with its name."""
    import pyarrow as pa

    probe = _declare_text(files, ["x"], style)
    try:
        return read(file, files, style)
    except (SourceError, UnreadableFileError, ColumnMismatchError, pa.ArrowException, UnicodeError, OSError) as error:
        other = name_other_kind(probe, file.path)
        if isinstance(error, SourceError) and not other:
            raise
        reason = f"it is {other}" if other else getattr(error, "strerror", None) or str(error).strip()
        raise SourceError(
            f"{file.path} cannot be read as {FORMAT_NAMES[files.format]}: {reason}; have it delivered again, or "
            "take it out of the folder."
        ) from error


def _read_rows(file: DatedFile, files: FileSet, style: CsvSettings | None) -> FileSample:
    """The first rows."""
    if files.format == "jsonl":
        return _read_json_lines(file)
    names = _read_names(file, files, style)
    codec = inspect_file(file.path, None, style.encoding).codec if style else None
    return FileSample(file, _take(read_columns(_declare_text(files, names, style), file.path)), codec)


def _read_names(file: DatedFile, _files: FileSet, style: CsvSettings | None) -> list[str]:
    """The columns that the header of CSV or Parquet names."""
    import pyarrow.parquet as pq

    names = read_column_names(file.path, style) if style else pq.read_schema(file.path).names
    return _check_columns(file.path, names)


def _read_json_lines(file: DatedFile) -> FileSample:
    text = inspect_file(file.path, None, "utf-8")
    rows = read_json_rows(text, MAX_ROWS, _MAX_BYTES)
    _check_columns(file.path, rows.column_names)
    return FileSample(file, rows, text.codec)


def _take(blocks: Iterator[pa.Table]) -> pa.Table:
    """The first rows, in blocks of at most so many bytes altogether."""
    import pyarrow as pa

    taken: list[pa.Table] = []
    rows = size = 0
    for block in blocks:
        taken.append(block.slice(0, MAX_ROWS - rows))
        rows, size = rows + taken[-1].num_rows, size + block.nbytes
        if rows >= MAX_ROWS or size >= _MAX_BYTES:
            break
    return pa.concat_tables(taken)


def _check_columns(path: Path, names: list[str]) -> list[str]:
    check_names(names, names)
    for name in names:
        try:
            check_column_name(name)
        except ValueError as error:
            shown = name if len(name) <= _NAME_LENGTH else f"{name[:_NAME_LENGTH]}..."
            raise SourceError(f"Column {shown!r} of {path} cannot be declared: expected {error}.") from error
    return names


def _declare_text(files: FileSet, names: list[str], style: CsvSettings | None) -> FileSource:
    """A source whose columns are all text, which any file of text is."""
    content = {
        "kind": "files", "path": files.pattern, "format": files.format, "grain": "snapshot", "key": names[:1],
        # Published under names that are nobody's: what becomes of valid_from is decided later.
        "columns": {name: {"type": "string", "publish_as": f"column_{index}"} for index, name in enumerate(names)},
        **({"csv": style.model_dump()} if style else {}),
    }  # fmt: skip
    return check_section(content, FileSource, "development", str(files.folder))
