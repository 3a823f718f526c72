"""Holds delivered columns to their declared names and types; names the first value that does not fit."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from include.settings.source_names import ColumnType
from include.settings.sources import ColumnSettings

if TYPE_CHECKING:
    import pyarrow as pa


class ColumnMismatchError(Exception):
    """A delivered table is not as declared; the message names the column. Callers add the file."""


def arrow_type(column_type: ColumnType) -> pa.DataType:
    """The Arrow type of a declared type; timestamps are UTC in microseconds."""
    import pyarrow as pa

    return {
        "int64": pa.int64(),
        "float64": pa.float64(),
        "string": pa.string(),
        "timestamp": pa.timestamp("us", "UTC"),
        "date": pa.date32(),
    }[column_type]


def check_names(delivered: Sequence[str], declared: Sequence[str]) -> None:
    """Compare column names, in any order.

    Raises:
        ColumnMismatchError: names are missing, doubled or not declared; near names are pointed out.
    """
    doubled = sorted({name for name in delivered if delivered.count(name) > 1})
    if doubled:
        raise ColumnMismatchError(f"column(s) {', '.join(doubled)} occur more than once")
    missing = [name for name in declared if name not in delivered]
    extra = [name for name in delivered if name not in declared]
    problems = []
    for name in missing:
        near = difflib.get_close_matches(name, extra, n=1, cutoff=0.5)
        problems.append(f"column {name!r} is missing" + (f" (renamed to {near[0]!r}?)" if near else ""))
    if extra:
        problems.append(f"column(s) {', '.join(repr(name) for name in extra)} are not declared")
    if problems:
        raise ColumnMismatchError("; ".join(problems))


def fit_column(name: str, values: pa.ChunkedArray, settings: ColumnSettings, first_row: int = 1) -> pa.Array:
    """Convert one column to its declared type without changing any value.

    Naive timestamps are taken as UTC, NaN as null; text becomes numbers and dates (CSV has nothing
    else), but only where all of it does.

    Args:
        first_row: the number, in the file, of the first value.

    Raises:
        ColumnMismatchError: names the column, the first value that does not fit, and its row.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    target = arrow_type(settings.type)
    array = values.combine_chunks()
    array = array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
    if not is_compatible(array.type, settings.type):
        raise _explain_value(name, array, settings, 0, first_row)
    try:
        fitted = convert(array, target)
    except pa.ArrowInvalid:
        raise _explain_value(name, array, settings, find_bad_value(array, target), first_row) from None
    if settings.type == "float64":
        fitted = pc.if_else(pc.is_nan(fitted), pa.scalar(None, target), fitted)
    bad = find_unstorable(fitted)
    if bad >= 0:
        raise _explain_value(name, fitted, settings, bad, first_row)
    return fitted


def find_unstorable(array: pa.Array) -> int:
    """The position of the first value that no warehouse column holds, or -1.

    Those are infinity, NUL characters, and moments outside of the years 1 to 9999: PostgreSQL takes others that
    Python cannot read.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_floating(array.type):
        unstorable = pc.is_inf(array)
    elif pa.types.is_string(array.type):
        unstorable = pc.match_substring(array, "\0")
    elif pa.types.is_temporal(array.type):
        # As numbers: Arrow's own calendar starts again after 32767 years.
        first, last = (
            pa.scalar(moment.replace(tzinfo=UTC)).cast(array.type) for moment in (datetime.min, datetime.max)
        )
        unstorable = pc.or_(pc.less(array, first), pc.greater(array, last))
    else:
        return -1
    return int(pc.index(unstorable, True).as_py())


def is_compatible(delivered: pa.DataType, declared: ColumnType) -> bool:
    """Whether a file's own type can mean the declared one; text can mean anything until it is read."""
    import pyarrow as pa

    kinds = pa.types
    if kinds.is_null(delivered) or kinds.is_string(delivered) or kinds.is_large_string(delivered):
        return True
    is_number = kinds.is_integer(delivered) or kinds.is_floating(delivered) or kinds.is_decimal(delivered)
    is_moment = kinds.is_timestamp(delivered) or kinds.is_date(delivered)
    return {
        "int64": bool(is_number),
        "float64": bool(is_number),
        "string": False,
        "timestamp": bool(kinds.is_timestamp(delivered)),
        "date": bool(is_moment),
    }[declared]


def convert(array: pa.Array, target: pa.DataType) -> pa.Array:
    """Cast, refusing any loss.

    Raises:
        pyarrow.ArrowInvalid: a value does not fit.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_string(array.type) and array.type == target:
        # From bytes, because a file's text may be no UTF-8 and nobody has looked yet.
        return array.cast(pa.binary()).cast(target)
    if array.type == target:
        return array
    if pa.types.is_timestamp(target):
        if pa.types.is_timestamp(array.type) and array.type.tz is not None:
            return array.cast(target)
        if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
            return _parse_timestamps(array, target)
        return pc.assume_timezone(array.cast(pa.timestamp("us")), "UTC").cast(target)
    return array.cast(target)


def _parse_timestamps(array: pa.Array, target: pa.DataType) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        return array.cast(target)
    except pa.ArrowInvalid:
        return pc.assume_timezone(array.cast(pa.timestamp("us")), "UTC").cast(target)


def find_bad_value(array: pa.Array, target: pa.DataType) -> int:
    """The position of the first value that does not convert, by halving."""
    import pyarrow as pa

    start, length = 0, len(array)
    while length > 1:
        half = length // 2
        try:
            convert(array.slice(start, half), target)
            start, length = start + half, length - half
        except pa.ArrowInvalid:
            length = half
    return start


def _explain_value(
    name: str, array: pa.Array, settings: ColumnSettings, position: int, first_row: int
) -> ColumnMismatchError:
    value = _show_value(array[position]) if len(array) else "None"
    return ColumnMismatchError(
        f"column {name!r} is declared {settings.type}; row {position + first_row} holds {value} "
        f"(the file's type is {array.type})"
    )


def _show_value(value: pa.Scalar) -> str:
    import pyarrow as pa

    try:
        return repr(value.as_py())
    except UnicodeDecodeError:
        return repr(value.cast(pa.binary()).as_py())
    except (ValueError, OverflowError):  # Python has no such year.
        return f"a moment outside of the years 1 to 9999 (number {value.value})"
