"""Finds out how CSV files are written: encoding, delimiter, quote and decimal mark."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from include.adopt.values import matches_all, matches_any
from include.settings.file_formats import CsvSettings
from include.sources.text_files import UnreadableFileError, inspect_file

if TYPE_CHECKING:
    import pyarrow as pa

_DELIMITERS: Final = ",;\t|"
_HEAD_BYTES: Final = 1 << 20
_DECODED_BYTES: Final = 32 << 20
_RECORDS: Final = 200
# What is undefined in cp1252 is not in latin-1.
_ENCODINGS: Final = ("utf-8", "cp1252", "latin-1")
_NAMED: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_SINGLY_QUOTED: Final = re.compile(r"(?:^|[,;\t|])'[^'\n]*'(?=[,;\t|\r\n]|$)", re.MULTILINE)
_VALUE: Final = re.compile(r"[-+.,:/\dTZ ]*\d[-+.,:/\dTZ ]*|")
COMMA_NUMBER: Final = r"^[+-]?\d+(,\d+)?$"
POINT_NUMBER: Final = r"^[+-]?\d+(\.\d+)?$"
_THOUSANDS: Final = r"^[+-]?[1-9]\d{0,2},\d{3}$"


@dataclass(frozen=True)
class StyleGuess:
    """How the files are written, as far as their heads say; ``decimal`` comes later, from the values."""

    style: CsvSettings
    questions: tuple[str, ...] = ()


def find_style(paths: Sequence[Path]) -> StyleGuess:
    """Encoding by all of the files, delimiter and quote by the newest one (the last).

    Raises:
        UnreadableFileError: a file is damaged, or empty when unpacked; names it.
    """
    encoding = find_encoding(paths)
    questions = []
    if encoding not in ("utf-8", "utf-16-le", "utf-16-be"):
        questions.append(f"the files are not UTF-8; encoding {encoding} is a guess, look at letters with accents.")
    text = _read_head(paths[-1], encoding)
    quote: str | None = _find_quote(text)
    fitting = _rank_delimiters(text, quote)
    if quote == '"' and '"' in text and not fitting and _rank_delimiters(text, None):
        quote, fitting = None, _rank_delimiters(text, None)
    if quote != '"':
        said = "quotes are part of the values" if quote is None else f"values stand in {quote} quotes"
        questions.append(f"{said} (quote: {'null' if quote is None else quote}).")
    delimiter = fitting[0] if fitting else _find_most_frequent(text)
    header = next(iter(_read_records(text, delimiter, quote)), [])
    if sum(_VALUE.fullmatch(name) is not None for name in header) * 2 > len(header):
        questions.append(f"the first line of {paths[-1].name} names the columns, although it looks like values.")
    if len(fitting) > 1:
        named = [_NAMED[one] for one in fitting]
        questions.append(f"columns are parted by {named[0]}; {' or '.join(named[1:])} would fit too.")
    return StyleGuess(CsvSettings(encoding=encoding, delimiter=delimiter, quote=quote), tuple(questions))


def find_encoding(paths: Iterable[Path]) -> str:
    """The first encoding that the beginning of every file without a byte-order mark is in.

    Raises:
        UnreadableFileError: a file is damaged, or empty when unpacked; names it.
    """
    found = 0
    for path in paths:
        start = _read_unmarked(path)
        if b"\0" in start[:1000]:
            return "utf-16-be" if start[0] == 0 else "utf-16-le"
        while not _is_in(start, _ENCODINGS[found]):
            found += 1
    return _ENCODINGS[found]


def _read_unmarked(path: Path) -> bytes:
    """The beginning of a file; nothing where a byte-order mark says its encoding."""
    try:
        file = inspect_file(path, None, "utf-8")
        if file.encoding != "utf-8":
            return b""
        with file.open_raw() as raw:
            return bytes(raw.read(_DECODED_BYTES))
    except (UnreadableFileError, OSError) as error:
        raise UnreadableFileError(f"{path} cannot be read: {str(error).strip()}") from error


def _is_in(start: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(start)
    except UnicodeDecodeError:
        return False
    return True


def read_column_names(path: Path, style: CsvSettings) -> list[str]:
    """The names in a file's first line.

    Raises:
        UnreadableFileError: there is no such line.
    """
    with inspect_file(path, None, style.encoding).open_text() as text:
        lines = iter(partial(text.readline, _HEAD_BYTES), "")
        header = next((row for row in _open_rows(lines, style.delimiter, style.quote, strict=False) if row), None)
    if header is None:
        raise UnreadableFileError("it has no header line")
    return header


def _read_head(path: Path, encoding: str) -> str:
    """The beginning of a file, up to the end of a line."""
    with inspect_file(path, None, encoding).open_text() as text:
        head = text.read(_HEAD_BYTES)
    end = max(head.rfind("\n"), head.rfind("\r")) + 1
    return head[:end] if end and len(head) == _HEAD_BYTES else head


def _read_records(text: str, delimiter: str, quote: str | None) -> list[list[str]]:
    """The first rows, blank ones left out; none where a quote is not doubled or not closed."""
    rows = _open_rows(io.StringIO(text, newline=""), delimiter, quote, strict=True)
    try:
        return list(islice((row for row in rows if row), _RECORDS))
    except csv.Error:
        return []


def _open_rows(lines: Iterable[str], delimiter: str, quote: str | None, *, strict: bool) -> Iterator[list[str]]:
    csv.field_size_limit(max(csv.field_size_limit(), _HEAD_BYTES))  # Python's own limit is 128 KiB
    return csv.reader(
        lines,
        delimiter=delimiter,
        quotechar=quote,
        quoting=csv.QUOTE_NONE if quote is None else csv.QUOTE_MINIMAL,
        strict=strict,
    )


def _find_quote(text: str) -> str:
    """A single quote where it stands around many values and no double one occurs."""
    if '"' in text:
        return '"'
    wrapped = 2 * len(_SINGLY_QUOTED.findall(text))
    return "'" if wrapped >= max(2 * text.count("\n"), 0.9 * text.count("'"), 1) else '"'


def _rank_delimiters(text: str, quote: str | None) -> list[str]:
    """The delimiters that give every row as many values as the header has, more than one; the most values first."""
    widths = {}
    for delimiter in _DELIMITERS:
        found = {len(row) for row in _read_records(text, delimiter, quote)}
        if len(found) == 1 and max(found) > 1:
            widths[delimiter] = max(found)
    return sorted(widths, key=lambda one: -widths[one])


def _find_most_frequent(text: str) -> str:
    """The delimiter that the header holds most; reading then names the row that does not fit it."""
    header = text.splitlines()[0] if text else ""
    return max(_DELIMITERS, key=header.count)


def find_decimal(columns: Iterable[pa.Array], style: CsvSettings) -> tuple[CsvSettings, tuple[str, ...]]:
    """The style with the decimal mark of the numbers, and what is unsure of it.

    Args:
        columns: of text, their distinct values.
    """
    if style.delimiter == ",":  # it cannot be the mark, too
        return style, ()
    texts = [column for column in columns if column.null_count < len(column)]
    commas = [one for one in texts if matches_all(one, COMMA_NUMBER) and matches_any(one, ",")]
    points = [one for one in texts if matches_all(one, POINT_NUMBER) and matches_any(one, r"\.")]
    if not commas or points:
        return style, ()
    example = next(value.as_py() for value in commas[0] if value.is_valid and "," in value.as_py())
    is_unsure = all(matches_all(one, f"{_THOUSANDS}|^[+-]?\\d+$") for one in commas)
    doubt = ", or the comma may part thousands" if is_unsure else ""
    question = f"numbers are written with a decimal comma, as in {example}{doubt}."
    return style.model_copy(update={"decimal": ","}), (question,)
