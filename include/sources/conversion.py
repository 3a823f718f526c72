"""Turns what a file holds, in its own types or as text, into the declared types, without changing a value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from include.settings.source_names import ColumnType

if TYPE_CHECKING:
    import pyarrow as pa

# "2026-03-09": what is no longer is a day, not a moment.
_DAY_LENGTH: Final = 10


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


def is_compatible(delivered: pa.DataType, declared: ColumnType) -> bool:
    """Whether a file's own type can mean the declared one; text can mean anything until it is read."""
    import pyarrow as pa

    kinds = pa.types
    if kinds.is_null(delivered) or _is_text(delivered):
        return True
    is_number = kinds.is_integer(delivered) or kinds.is_floating(delivered) or kinds.is_decimal(delivered)
    is_moment = kinds.is_timestamp(delivered) or kinds.is_date(delivered)
    return {
        "int64": bool(is_number),
        "float64": bool(is_number),
        "string": bool(kinds.is_boolean(delivered)),
        "timestamp": bool(kinds.is_timestamp(delivered)),
        "date": bool(is_moment),
    }[declared]


def convert(
    array: pa.Array, declared: ColumnType, time_zone: str, decimal: str = ".", has_zone: bool | None = None
) -> pa.Array:
    """Cast, refusing any loss (see :class:`include.sources.columns.ColumnReader`).

    Args:
        has_zone: whether moments that are text come with their zone; None: as all of these do.

    Raises:
        pyarrow.ArrowInvalid: a value does not fit.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if declared == "timestamp":
        return _read_moments(array, has_zone)
    if declared == "date":
        return _read_days(array, time_zone, has_zone)
    if declared == "float64" and decimal != "." and _is_text(array.type):
        # A point would be a thousands separator: the question mark makes such a value no number.
        array = pc.replace_substring(pc.replace_substring(array, ".", "?"), decimal, ".")
    if declared == "int64" and _is_text(array.type) and _has_hexadecimal(array):
        raise pa.ArrowInvalid("a hexadecimal number, which Arrow takes, and makes negative where it is large")
    if declared == "string" and _is_text(array.type):
        array.validate(full=True)  # Arrow reads anything that Parquet calls text, and the warehouse takes UTF-8 only
    return array.cast(arrow_type(declared))


def _has_hexadecimal(texts: pa.Array) -> bool:
    import pyarrow.compute as pc

    return bool(pc.any(pc.match_substring(texts, "x", ignore_case=True)).as_py())


def find_zone(array: pa.Array, declared: ColumnType) -> bool | None:
    """Whether the moments or days of a text come with their zone; None where there are none, or they are no text."""
    import pyarrow as pa

    if declared not in ("timestamp", "date") or not _is_text(array.type) or array.null_count == len(array):
        return None
    try:
        array.drop_null().slice(0, 1).cast(pa.timestamp("us", "UTC"))
    except pa.ArrowInvalid:
        return False
    return True


def find_local_days(moments: pa.Array, time_zone: str) -> pa.Array:
    """The calendar day (date32) of each moment in a time zone."""
    import pyarrow as pa
    import pyarrow.compute as pc

    local = pc.local_timestamp(moments.cast(pa.timestamp(moments.type.unit, time_zone)))
    return pc.floor_temporal(local, unit="day").cast(pa.date32())


def _read_moments(array: pa.Array, has_zone: bool | None) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    if _is_text(array.type):
        if pc.any(pc.less_equal(pc.binary_length(array), _DAY_LENGTH)).as_py():
            raise pa.ArrowInvalid("a day, which is no moment")
        array = _parse_moments(array, has_zone)
    if pa.types.is_timestamp(array.type) and array.type.tz is not None:
        return array.cast(arrow_type("timestamp"))
    return pc.assume_timezone(array.cast(pa.timestamp("us")), "UTC")


def _parse_moments(array: pa.Array, has_zone: bool | None) -> pa.Array:
    """Moments of a text, all with their zone or all without."""
    import pyarrow as pa

    if has_zone is False:
        return array.cast(pa.timestamp("us"))
    try:
        return array.cast(pa.timestamp("us", "UTC"))
    except pa.ArrowInvalid:
        if has_zone:
            raise
        return array.cast(pa.timestamp("us"))


def _read_days(array: pa.Array, time_zone: str, has_zone: bool | None) -> pa.Array:
    import pyarrow as pa

    if _is_text(array.type):
        if not has_zone:
            try:
                return array.cast(pa.date32())
            except pa.ArrowInvalid:
                pass
        array = _parse_moments(array, has_zone)
    if not pa.types.is_timestamp(array.type):
        return array.cast(pa.date32())
    if array.type.tz is not None:
        return find_local_days(array, time_zone)
    days = array.cast(pa.date32())
    if not days.cast(array.type).equals(array):
        raise pa.ArrowInvalid("a moment without a zone has no certain day")
    return days


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
