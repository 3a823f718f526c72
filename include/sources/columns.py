"""Holds delivered columns to their declared names and types; names the first value that does not fit."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from include.settings.source_columns import ColumnSettings
from include.settings.source_names import ColumnType
from include.sources.conversion import convert, find_zone, is_compatible

if TYPE_CHECKING:
    import pyarrow as pa

_NAMES_LISTED: Final = 5
# Looking for a near name takes milliseconds for each hundred.
_NAMES_COMPARED: Final = 500
_VALUE_LENGTH: Final = 100
# Not the moment itself: Arrow writes the years after 32767 as years that begin anew.
_OTHER_YEAR: Final = "a moment outside of the years 1 to 9999"


class ColumnMismatchError(Exception):
    """A delivered table is not as declared; the message names the column. Callers add the file."""


class BadValueError(ColumnMismatchError):
    """A value does not fit; ``position`` is its row in the file, from 0. Callers know its line.

    Args:
        before: rows of the file that come before those of ``array``.
    """

    def __init__(self, column: str, settings: ColumnSettings, array: pa.Array, position: int, before: int = 0) -> None:
        self.position = before + position
        self._declared = f"column {column!r} is declared {settings.type}"
        value = _read_value(array, position)
        self._value = f"{_shorten(value)} (the file's type is {array.type}){_suggest(value, settings.type)}"
        super().__init__(self.describe(f"row {self.position + 1}"))

    def describe(self, place: str) -> str:
        """The problem, with the place in the file that the caller found."""
        return f"{self._declared}; {place} holds {self._value}"


def check_names(delivered: Sequence[str], declared: Sequence[str]) -> None:
    """Compare column names, in any order.

    Raises:
        ColumnMismatchError: names are missing, doubled or not declared; near names are pointed out.
    """
    counts = Counter(delivered)
    doubled = [name for name, count in counts.items() if count > 1]
    if doubled:
        raise ColumnMismatchError(f"column(s) {list_names(doubled)} occur more than once")
    known = set(declared)
    missing = [name for name in declared if name not in counts]
    extra = [name for name in counts if name not in known]
    problems = []
    for name in missing[:_NAMES_LISTED]:
        near = difflib.get_close_matches(name, extra[:_NAMES_COMPARED], n=1, cutoff=0.5)
        problems.append(f"column {name!r} is missing" + (f" (renamed to {_shorten(near[0])}?)" if near else ""))
    if len(missing) > _NAMES_LISTED:
        problems.append(f"so are {len(missing) - _NAMES_LISTED} more")
    if extra:
        problems.append(f"column(s) {list_names(extra)} are not declared")
    if problems:
        raise ColumnMismatchError("; ".join(problems))


def list_names(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - _NAMES_LISTED
    return ", ".join(_shorten(name) for name in names[:_NAMES_LISTED]) + (f" and {more} more" if more > 0 else "")


@dataclass
class ColumnReader:
    """Converts one column to its declared type, block after block, without changing any value.

    NaN becomes null; text becomes numbers, days and moments (CSV has nothing else), but only where all of
    it does. A moment without a zone is UTC. A moment in a date column is its day in ``time_zone``; one
    without a zone must be midnight, the way many tools write a day.

    Attributes:
        time_zone: the zone of the sources.
        decimal: the decimal mark of numbers that are text.
        has_zone: whether its text says the zone of moments, once a block has shown it: so does all of a file.
        rows: how many were converted.
    """

    name: str
    settings: ColumnSettings
    time_zone: str
    decimal: str = "."
    has_zone: bool | None = None
    rows: int = 0

    def fit(self, values: pa.ChunkedArray) -> pa.Array:
        """The next rows.

        Raises:
            BadValueError: names the column, the first value that does not fit, and its row in the file.
        """
        import pyarrow as pa

        array = values.combine_chunks()
        array = array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
        fitted = self._convert(array)
        bad = find_unstorable(fitted)
        if bad >= 0:
            raise BadValueError(self.name, self.settings, fitted, bad, self.rows)
        if self.has_zone is None:
            self.has_zone = find_zone(array, self.settings.type)
        self.rows += len(array)
        return fitted

    def _convert(self, array: pa.Array) -> pa.Array:
        import pyarrow as pa
        import pyarrow.compute as pc

        if not is_compatible(array.type, self.settings.type):
            raise BadValueError(self.name, self.settings, array, 0, self.rows)
        form = (self.settings.type, self.time_zone, self.decimal, self.has_zone)
        try:
            fitted = convert(array, *form)
        except pa.ArrowInvalid:
            raise BadValueError(self.name, self.settings, array, find_bad_value(array, *form), self.rows) from None
        if self.settings.type == "float64":
            fitted = pc.if_else(pc.is_nan(fitted), pa.scalar(None, pa.float64()), fitted)
        return fitted


def find_unstorable(array: pa.Array) -> int:
    """The position of the first value that the warehouse or Python cannot hold, or -1.

    These are infinity, text with a NUL character, and years before 1 or after 9999.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_floating(array.type):
        unstorable = pc.is_inf(array)
    elif pa.types.is_string(array.type):
        if not may_hold(array, "\0"):
            return -1
        unstorable = pc.match_substring(array, "\0")
    elif pa.types.is_temporal(array.type):
        first, last = pa.array([datetime.min, datetime.max], array.type)
        limits = pc.min_max(array)  # a tenth of the time that comparing takes
        if not pc.or_(pc.less(limits["min"], first), pc.greater(limits["max"], last)).as_py():
            return -1
        unstorable = pc.or_(pc.less(array, first), pc.greater(array, last))
    else:
        return -1
    return int(pc.index(unstorable, True).as_py())


def may_hold(texts: pa.Array, character: str) -> bool:
    """Whether a character is in any of the texts, or beside them: their buffer is searched, not each of them."""
    data = texts.buffers()[2]
    return data is not None and re.search(re.escape(character).encode(), data) is not None


def find_bad_value(
    array: pa.Array, declared: ColumnType, time_zone: str, decimal: str = ".", has_zone: bool | None = None
) -> int:
    """The position of the first value that does not convert together with those before it, by halving."""
    import pyarrow as pa

    start, length = 0, len(array)
    while length > 1:
        half = length // 2
        try:
            convert(array.slice(0, start + half), declared, time_zone, decimal, has_zone)
            start, length = start + half, length - half
        except pa.ArrowInvalid:
            length = half
    return start


def _shorten(value: object) -> str:
    text = str(value) if value is _OTHER_YEAR else repr(value)
    return text if len(text) <= _VALUE_LENGTH else f"{text[:_VALUE_LENGTH]}..."


def _read_value(array: pa.Array, position: int) -> object:
    """A value for a message; in place of a moment that Python does not have, what is wrong with it."""
    import pyarrow as pa

    if not len(array):
        return None
    try:
        return array[position].as_py()
    except UnicodeDecodeError:
        return array[position].cast(pa.large_binary()).as_py()
    except (ValueError, OverflowError):
        return _OTHER_YEAR


def _suggest(value: object, declared: ColumnType) -> str:
    """What to do about the common mistakes."""
    if value is _OTHER_YEAR:
        return ""
    if declared == "float64" and isinstance(value, str) and "," in value:
        return "; numbers are written with a point, or in CSV with the mark that csv.decimal sets"
    if declared == "date" and isinstance(value, (str, datetime)):
        return "; a day is written 2026-03-09, or as a moment with its zone, 2026-03-09T12:00:00Z"
    if declared == "timestamp" and isinstance(value, str):
        return "; a moment is written 2026-03-09T12:00:00Z; all of a file with a zone, or all without, which is UTC"
    return ""
