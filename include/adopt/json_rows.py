"""The first rows of a file of JSON lines, each column in the type of its values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final

from include.errors import SourceError
from include.sources.text_files import TextFile, UnreadableFileError

if TYPE_CHECKING:
    import pyarrow as pa

_KINDS: Final = {
    "str": "text",
    "bool": "booleans",
    "int": "whole numbers",
    "float": "numbers",
    "dict": "objects",
    "list": "lists",
}


def read_json_rows(file: TextFile, max_rows: int, max_characters: int) -> pa.Table:
    """The first lines as rows; a column that a line leaves out is null there.

    Raises:
        UnreadableFileError: a line is not one object; names it.
        UnicodeError: the file is not in its encoding.
        SourceError: a column holds values of several kinds, which are not read together; names it.
    """
    import pyarrow as pa

    with file.open_text("strict") as lines:
        filled = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
        records = [_read_object(number, line) for number, line in _take(filled, max_rows, max_characters)]
    names = list(dict.fromkeys(chain.from_iterable(records)))
    return pa.table({name: _make_array(file, name, [record.get(name) for record in records]) for name in names})


def _take(lines: Iterable[tuple[int, str]], max_rows: int, max_characters: int) -> Iterator[tuple[int, str]]:
    size = 0
    for number, line in islice(lines, max_rows):
        yield number, line
        size += len(line)
        if size >= max_characters:
            return


def _read_object(number: int, line: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise UnreadableFileError(f"line {number} is not one JSON object ({error})") from None
    if not isinstance(record, dict):
        raise UnreadableFileError(f"line {number} is not one JSON object but a {type(record).__name__}")
    return record


def _make_array(file: TextFile, name: str, values: list[Any]) -> pa.Array:
    """The values of one column; JSON lines are read with one type for each."""
    import pyarrow as pa

    kinds = {type(value) for value in values} - {type(None)}
    named = " and ".join(sorted(_KINDS[kind.__name__] for kind in kinds))
    if len(kinds) > 1 and kinds != {int, float}:
        raise SourceError(
            f"Column {name!r} of {file.path} holds {named}, which are not read together; have all of it "
            "delivered as text."
        )
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError) as error:
        raise SourceError(
            f"Column {name!r} of {file.path} holds {named} that no column takes ({error}); have them delivered as text."
        ) from error
