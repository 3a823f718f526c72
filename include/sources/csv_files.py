"""Reads a CSV file, block by block, into the text of its declared columns; finds the line of what is wrong."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from include.settings.file_formats import CsvSettings
from include.settings.source_base import SourceBase
from include.sources.columns import ColumnMismatchError, check_names, may_hold
from include.sources.text_files import TextFile, UnreadableFileError, find_undecodable

if TYPE_CHECKING:
    import pyarrow as pa

# Rows may be as long as a block.
_BLOCK_BYTES: Final = 4 << 20
# A header of a million names and a value that swallowed a file are read, to say what is wrong; no more of them.
_LONGEST: Final = 64 << 20
_DELIMITERS: Final = ",;\t|"
_REASON_LENGTH: Final = 300
# No delimiter or quote is of it: these are ASCII.
_LAST_ROW: Final = "\N{SYMBOL FOR END OF TRANSMISSION}"


class Record(NamedTuple):
    """One row of a file, with the first and the last of its lines, from 1."""

    begins: int
    ends: int
    values: list[str]


class _EndMarkedText:
    """A file's text for Arrow, and one more row after it, which is lost where a quote is never closed."""

    closed = False

    def __init__(self, text: pa.NativeFile, last_row: str) -> None:
        self._text = text
        self._rest = f"\n{last_row}\n".encode()

    def read(self, size: int) -> bytes:
        """The next bytes, fewer than ``size`` only at the end."""
        chunk: bytes = self._text.read(size)
        while len(chunk) < size and (more := self._text.read(size - len(chunk))):
            chunk += more
        missing = size - len(chunk)
        chunk, self._rest = chunk + self._rest[:missing], self._rest[missing:]
        return chunk


def read_csv(file: TextFile, source: SourceBase) -> Iterator[pa.Table]:
    """The declared columns in blocks, every value as text: types are applied later, so that errors name the value.

    The last block comes when the whole file is known to be readable; there is one at least.

    Raises:
        ColumnMismatchError: the header has other names than those declared.
        UnreadableFileError: names the line, and what is wrong with it.
    """
    import pyarrow as pa

    style = source.file_options.csv
    held, has_line_end = None, False
    try:
        header = read_header(file, source)
        for block in _read_rows(file, source, header):
            if held is not None:
                yield held
            held = block
            has_line_end = has_line_end or _has_line_end(block, source)
    except (pa.ArrowException, UnicodeError, csv.Error) as error:
        raise UnreadableFileError(_explain(file, style, error)) from error
    is_whole = held is not None and held.column(header[0])[-1].as_py() == _LAST_ROW
    is_doubtful = style.quote is not None and (has_line_end or _has_lone_quote(file, style))
    broken = None if is_whole and not is_doubtful else _find_broken_row(file, style)
    if broken or held is None or not is_whole:
        raise UnreadableFileError(broken or "a quote is not closed")
    yield held.slice(0, held.num_rows - 1)


def find_line(file: TextFile, settings: CsvSettings, position: int) -> int | None:
    """The line on which a row begins that was read; ``position`` counts rows from 0, without the header."""
    with file.open_text() as text:
        record = next(islice(_list_records(text, settings), position + 1, None), None)
    return record.begins if record else None


def read_header(file: TextFile, source: SourceBase) -> list[str]:
    """The columns that a file's header names, which are the declared ones.

    Raises:
        ColumnMismatchError: they are others.
        UnreadableFileError: there is no header, or it cannot be read.
        UnicodeError: it is not in its encoding.
    """
    style = source.file_options.csv
    with file.open_text("strict") as text:
        lines = iter(partial(text.readline, _LONGEST), "")
        header = next((record.values for record in _list_records(lines, style)), None)
    if header is None:
        raise UnreadableFileError("it has no header line")
    if "\0" in header[0]:
        raise UnreadableFileError("its header holds NUL characters; it may be UTF-16, for csv.encoding: utf-16-le")
    for other in _DELIMITERS if len(header) == 1 < len(source.columns) else "":
        if other != style.delimiter and not set(source.columns).isdisjoint(header[0].split(other)):
            raise ColumnMismatchError(
                f"its columns are parted by {other!r}, not by {style.delimiter!r}, which csv.delimiter sets"
            )
    if any("\n" in name for name in header):
        raise UnreadableFileError("its header has a quote that is not closed")
    check_names(header, list(source.columns))
    return header


def _read_rows(file: TextFile, source: SourceBase, header: list[str]) -> Iterator[pa.Table]:
    """All rows, and the one that is added at the end; no block is without rows."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    style = source.file_options.csv
    last_row = _LAST_ROW + style.delimiter * (len(header) - 1)
    with file.open_utf8() as text:
        blocks = arrow_csv.open_csv(
            _EndMarkedText(text, last_row),
            arrow_csv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES),
            arrow_csv.ParseOptions(
                delimiter=style.delimiter,
                quote_char=style.quote or False,
                newlines_in_values=True,
            ),
            arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(source.columns, pa.string()),
                include_columns=list(source.columns),
                strings_can_be_null=True,
                null_values=[""],
            ),
        )
        for batch in blocks:
            if batch.num_rows:
                yield pa.Table.from_batches([batch])


def _has_line_end(block: pa.Table, source: SourceBase) -> bool:
    """Whether Arrow may have read on over a quote that is not closed, and that a later row closes.

    That leaves a line end in a text; values that hold line ends rightly are doubtful, too. What follows a quote that
    is not doubled stands beside it in the file (:func:`_has_lone_quote`).
    """
    texts = [block.column(name) for name, column in source.columns.items() if column.type == "string"]
    return any(may_hold(chunk, end) for text in texts for chunk in text.chunks for end in "\n\r")


def _has_lone_quote(file: TextFile, settings: CsvSettings) -> bool:
    """Whether a quote stands between two characters that are neither quote, delimiter nor line end.

    Or two quotes, an empty value, before such a character.
    """
    quote, outer = re.escape(settings.quote or ""), f"{re.escape(settings.delimiter)}\r\n"
    inner = f"[^{quote}{outer}]"
    # The quote comes first, not what stands before it: so the search is ten times as fast.
    lone = re.compile(f"{quote}(?<={inner}{quote}){inner}|{quote}{quote}(?<=[{outer}]{quote}{quote}){inner}".encode())
    end = b""
    with file.open_utf8() as text:
        while chunk := text.read(_BLOCK_BYTES):
            if lone.search(end + chunk):
                return True
            end = (end + chunk)[-3:]
    return False


def _list_records(lines: Iterator[str], settings: CsvSettings, *, strict: bool = False) -> Iterator[Record]:
    """All records, header included, as Python reads them; blank lines are none.

    Raises:
        csv.Error: names the line; a quote is not closed or, if ``strict``, something follows it.
    """
    csv.field_size_limit(_LONGEST)  # Python's own limit is 128 KiB, less than Arrow reads
    rows = csv.reader(
        lines,
        delimiter=settings.delimiter,
        quotechar=settings.quote,
        quoting=csv.QUOTE_NONE if settings.quote is None else csv.QUOTE_MINIMAL,
        strict=strict,
    )
    while True:
        begins = rows.line_num + 1
        try:
            values = next(rows, None)
        except csv.Error as error:
            raise csv.Error(
                f"the row that begins on line {begins} has a quote that is not closed, or one within quotes that is "
                f"not doubled ({error})"
            ) from error
        if values is None:
            return
        if values:
            yield Record(begins, rows.line_num, values)


def _explain(file: TextFile, settings: CsvSettings, error: Exception) -> str:
    """What is wrong with a file that Arrow or Python could not read."""
    undecodable = find_undecodable(file)
    if undecodable:
        return f"{undecodable}; set csv.encoding to what it is written in, such as cp1252, latin-1 or utf-16"
    return _find_broken_row(file, settings) or str(error).strip()[:_REASON_LENGTH]


def _find_broken_row(file: TextFile, settings: CsvSettings) -> str | None:
    with file.open_text() as text:
        records = _list_records(text, settings, strict=True)
        try:
            width = len(next(records).values)
            broken = next((record for record in records if len(record.values) != width), None)
            if broken is None:
                return None
            is_last = next(records, None) is None
        except csv.Error as error:
            return str(error)
    place = (
        f"line {broken.begins} has" if broken.begins == broken.ends else f"lines {broken.begins} to {broken.ends} have"
    )
    end = "; the file ends there, it is truncated or corrupt" if is_last else ""
    return f"{place} {len(broken.values)} value(s) where the header has {width}{end}"
