"""Reads a file of JSON lines, block by block, into its declared columns; finds the line of what is wrong."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from include.settings.source_base import SourceBase
from include.settings.source_names import ColumnType
from include.sources.columns import ColumnMismatchError, check_names
from include.sources.conversion import arrow_type
from include.sources.text_files import TextFile, UnreadableFileError, find_undecodable

if TYPE_CHECKING:
    import pyarrow as pa

# The longest line that is read.
_BLOCK_BYTES: Final = 4 << 20
_BATCH_LINES: Final = 10_000
_REASON_LENGTH: Final = 300
_NUMBERS: Final = ("int64", "float64")
# What Arrow says of true or false where a text is declared.
_BOOLEAN: Final = re.compile(r"Column\(/(.+)\) changed from string to boolean")


def read_json_lines(file: TextFile, source: SourceBase) -> Iterator[pa.Table]:
    """The declared columns in blocks: numbers as declared, all else as text, which gets its type later.

    A line may leave a column out, which is null there; a column that no line has is missing. The last block comes when
    the whole file is known to be as declared; there is one at least.

    Raises:
        ColumnMismatchError: there are other columns than those declared, or a value of another kind.
        UnreadableFileError: names the line, and what is wrong with it.
    """
    import pyarrow as pa

    held, names, empty, rows = None, dict.fromkeys(source.columns), [*source.columns], 0
    try:
        for block in _read_blocks(file, source):
            if held is not None:
                yield held.select(list(source.columns))
            held, rows = block, rows + block.num_rows
            names.update(dict.fromkeys(block.column_names))
            empty = [name for name in empty if block.column(name).null_count == block.num_rows]
    except (pa.ArrowException, UnicodeError) as error:
        raise _explain(file, source, error) from error
    absent = _find_absent(file, empty if rows else [])
    check_names([name for name in names if name not in absent], list(source.columns))
    if held is not None:
        yield held.select(list(source.columns))


def _read_blocks(file: TextFile, source: SourceBase) -> Iterator[pa.Table]:
    """Whole lines of at most so many bytes, parsed: Arrow's own blocks have a fixed set of columns.

    Raises:
        UnreadableFileError: a line is not one object.
    """
    booleans: set[str] = set()
    with file.open_utf8() as text:
        for lines in _list_blocks(text):
            block = _parse(lines, source, booleans)
            block.validate(full=True)
            if sum(1 for line in lines.splitlines() if line.strip()) != block.num_rows:
                _check_lines(file)
            yield block


def _list_blocks(text: pa.NativeFile) -> Iterator[bytes]:
    """The text, cut at ends of lines; one block at least, and a longer one only where a line is longer."""
    rest, is_first = b"", True
    while chunk := text.read(_BLOCK_BYTES - min(len(rest), _BLOCK_BYTES // 2)):
        lines = rest + chunk
        end = max(lines.rfind(b"\n"), lines.rfind(b"\r")) + 1
        if end or len(lines) > _BLOCK_BYTES:
            block, lines = lines[: end or None], lines[end:] if end else b""
            if block.strip():
                yield block
                is_first = False
        rest = lines
    if is_first or rest.strip():
        yield rest or b"\n"


def _explain(file: TextFile, source: SourceBase, error: Exception) -> Exception:
    """What is wrong with a file that Arrow could not read."""
    undecodable = find_undecodable(file)
    if undecodable:
        return UnreadableFileError(f"{undecodable}; JSON lines are delivered in UTF-8")
    explained = _explain_lines(file, source)
    if explained is None:
        _check_lines(file)
    return explained or UnreadableFileError(str(error).strip()[:_REASON_LENGTH])


def _check_lines(file: TextFile) -> None:
    """Refuse a line with several objects, and an object on several lines, both of which Arrow reads.

    Raises:
        UnreadableFileError: names the line.
    """
    with file.open_text() as text:
        for number, line in enumerate(text, 1):
            if line.strip():
                _read_object(number, line)


def find_line(file: TextFile, position: int) -> int | None:
    """The line of a row that was read; ``position`` counts rows from 0."""
    with file.open_text() as text:
        lines = (number for number, line in enumerate(text, 1) if line.strip())
        return next(islice(lines, position, None), None)


def _parse(lines: bytes, source: SourceBase, booleans: set[str]) -> pa.Table:
    """Rows of some lines; what is true or false in a column of text is the text ``true`` or ``false``.

    Args:
        booleans: the columns in which that is so; those that are found are added.
    """
    import pyarrow as pa
    from pyarrow import json as arrow_json

    types = {name: arrow_type(one.type if one.type in _NUMBERS else "string") for name, one in source.columns.items()}
    try:
        rows = arrow_json.read_json(
            pa.BufferReader(lines),
            arrow_json.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES),
            arrow_json.ParseOptions(explicit_schema=pa.schema({**types, **dict.fromkeys(booleans, pa.bool_())})),
        )
    except pa.ArrowInvalid as error:
        found = _BOOLEAN.search(str(error))
        if not found or found[1] in booleans or not _is_text(found[1], source):
            raise
        booleans.add(found[1])
        return _parse(lines, source, booleans)
    for name in booleans:
        rows = rows.set_column(rows.schema.get_field_index(name), name, rows.column(name).cast(pa.string()))
    return rows


def _is_text(name: str, source: SourceBase) -> bool:
    return name in source.columns and source.columns[name].type == "string"


def _find_absent(file: TextFile, names: Iterable[str]) -> set[str]:
    """Those of the columns that occur in no line."""
    absent = set(names)
    with file.open_text() as text:
        for number, line in enumerate(text, 1):
            if not absent:
                break
            if line.strip():
                absent -= _read_object(number, line).keys()
    return absent


def _explain_lines(file: TextFile, source: SourceBase) -> Exception | None:
    """What is wrong with the first line that Arrow does not read by itself; None if it reads each."""
    first = 1
    with file.open_text() as text:
        while batch := list(islice(text, _BATCH_LINES)):
            if _find_fault(batch, source):
                offset = _find_bad_line(batch, source)
                return _explain_line(first + offset, batch[offset], source)
            first += len(batch)
    return None


def _find_bad_line(lines: list[str], source: SourceBase) -> int:
    """The position of the first line that does not read, by halving."""
    start, length = 0, len(lines)
    while length > 1:
        half = length // 2
        if _find_fault(lines[start : start + half], source):
            length = half
        else:
            start, length = start + half, length - half
    return start


def _find_fault(lines: list[str], source: SourceBase) -> str | None:
    import pyarrow as pa

    try:
        _parse("".join(lines).encode(), source, set())
    except pa.ArrowException as error:
        return str(error).split(" in row ", maxsplit=1)[0]
    return None


def _explain_line(number: int, line: str, source: SourceBase) -> Exception:
    if len(line) > _BLOCK_BYTES:
        return UnreadableFileError(f"line {number} has {len(line)} characters, and {_BLOCK_BYTES} is the most")
    try:
        record = _read_object(number, line)
    except UnreadableFileError as error:
        return error
    for name, column in source.columns.items():
        if not _is_of_kind(record.get(name), column.type):
            held = repr(record[name])[:_REASON_LENGTH]
            return ColumnMismatchError(f"column {name!r} is declared {column.type}; line {number} holds {held}")
    fault = _find_fault([line], source) or "true or false among texts"
    return UnreadableFileError(f"line {number} cannot be read ({fault})")


def _read_object(number: int, line: str) -> dict[str, Any]:
    """One line as Python reads it.

    Raises:
        UnreadableFileError: it is not one object.
    """
    try:
        record = json.loads(line)
    except ValueError as error:
        end = "" if line.endswith("\n") else "; the file ends there, it is truncated or corrupt"
        raise UnreadableFileError(f"line {number} is not one JSON object ({error}){end}") from None
    if not isinstance(record, dict):
        raise UnreadableFileError(f"line {number} is not one JSON object but a {type(record).__name__}")
    return record


def _is_of_kind(value: object, declared: ColumnType) -> bool:
    """Whether a JSON value is of the kind that a declared column is read as."""
    if value is None:
        return True
    if declared == "string":
        return isinstance(value, str | bool)
    if declared not in _NUMBERS:
        return isinstance(value, str)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    if declared == "float64":
        return math.isfinite(value)
    return isinstance(value, int) and -(2**63) <= value < 2**63
