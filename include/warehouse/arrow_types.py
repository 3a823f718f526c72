"""Arrow types as PostgreSQL and its ADBC driver know them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from include.errors import WarehouseError

if TYPE_CHECKING:
    import pyarrow as pa

_MAX_PRECISION: Final = 38
_FLOAT_SCALE: Final = 15
# Digits that a bigint always holds, and those of its largest value.
_BIGINT_DIGITS: Final = 18
_INT64_DIGITS: Final = 19


def plain_types(data: pa.Table) -> pa.Table:
    """Recode what the driver cannot ingest: dictionaries, large text, odd widths, untyped nulls."""
    import pyarrow as pa

    target = pa.schema([pa.field(field.name, _plain_type(field.type)) for field in data.schema])
    return data if target.equals(data.schema.remove_metadata()) else data.cast(target)


def _plain_type(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_large_string(kind) or pa.types.is_null(kind):
        return pa.string()
    if pa.types.is_int8(kind) or pa.types.is_unsigned_integer(kind):
        return pa.int64()
    return pa.float32() if pa.types.is_float16(kind) else kind


def match_columns(data: pa.Table, target: pa.Schema, table: str) -> pa.Table:
    """Cast each column to the type of the column of that name in a table that exists.

    The driver sends values in the binary form of their own type, whatever the table's column is: an
    unmatched float would land in a bigint column as another number.

    Args:
        target: the table's schema, as the driver reports it (see :func:`restore_decimals`).

    Raises:
        WarehouseError: the table has no such column, or a value does not fit its type.
    """
    import pyarrow as pa

    columns = {}
    for field in data.schema:
        position = target.get_field_index(field.name)
        if position < 0:
            raise WarehouseError(f"Table {table} has no column {field.name!r}: it has {', '.join(target.names)}.")
        try:
            columns[field.name] = _match_column(data.column(field.name), target.field(position))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise WarehouseError(f"Column {field.name!r} does not fit {table}: {error}. Cast it first.") from error
    return pa.table(columns)


def _match_column(column: pa.ChunkedArray, target: pa.Field) -> pa.ChunkedArray:
    import pyarrow as pa

    if is_numeric_text(target):
        is_exact = pa.types.is_integer(column.type) or pa.types.is_decimal(column.type)
        return (
            column
            if is_exact
            else column.cast(_declared_decimal(target) or pa.decimal128(_MAX_PRECISION, _FLOAT_SCALE))
        )
    if column.type == target.type:
        return column
    if isinstance(target.type, pa.BaseExtensionType):
        raise pa.ArrowInvalid(f"{target.type.extension_name} is not loaded in bulk, write it with SQL")
    # A timestamp's nanoseconds are cut off, as PostgreSQL keeps none; nothing else may lose anything.
    return column.cast(target.type, safe=not pa.types.is_timestamp(column.type))


def restore_decimals(table: pa.Table, *, is_nan_missing: bool = False) -> pa.Table:
    """Turn the driver's text form of ``numeric`` columns into ``decimal128``.

    A ``numeric(p, s)`` column becomes ``decimal128(p, s)``; one without a declared scale becomes
    ``decimal128(38, s)`` with the scale that its values need.

    Args:
        is_nan_missing: NaN becomes null.

    Raises:
        WarehouseError: a value is NaN, infinite, or has more than 38 digits.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    for index, field in enumerate(table.schema):
        if is_numeric_text(field):
            chunks = [getattr(chunk, "storage", chunk) for chunk in table.column(index).chunks]
            texts = pa.chunked_array(chunks, pa.string())
            if is_nan_missing:
                texts = pc.if_else(pc.equal(pc.utf8_lower(texts), "nan"), pa.scalar(None, pa.string()), texts)
            column = parse_decimals(texts, field.name, _declared_decimal(field))
            table = table.set_column(index, field.name, column)
    return table


def scaled_columns(schema: pa.Schema) -> dict[str, pa.DataType]:
    """The ``numeric(p, s)`` columns whose values, times ``10^s``, fit a bigint; by name, their decimal types."""
    kinds = {field.name: _declared_decimal(field) for field in schema if is_numeric_text(field)}
    return {name: kind for name, kind in kinds.items() if kind is not None and kind.precision <= _BIGINT_DIGITS}


def unscale_decimals(table: pa.Table, kinds: Mapping[str, pa.DataType]) -> pa.Table:
    """Read the integers of the named columns as decimals: 1250 in a ``decimal128(12, 2)`` column is 12.50."""
    import pyarrow as pa

    for name, kind in kinds.items():
        integers = table.column(name).combine_chunks()
        decimals = integers.cast(pa.decimal128(_INT64_DIGITS, 0)).view(kind)
        table = table.set_column(table.schema.get_field_index(name), name, decimals)
    return table


def is_numeric_text(field: pa.Field) -> bool:
    """Whether a field is a Postgres ``numeric`` that came as text."""
    typname = (field.metadata or {}).get(b"ADBC:postgresql:typname")
    return typname == b"numeric" or getattr(field.type, "type_name", "") == "numeric"


def _declared_decimal(field: pa.Field) -> pa.DataType | None:
    """``decimal128(p, s)`` of a ``numeric(p, s)`` column, from its typmod (PostgreSQL source: ``numeric.c``)."""
    import pyarrow as pa

    typmod = int((field.metadata or {}).get(b"POSTGRESQL:typmod", b"-1")) - 4
    precision, scale = (typmod >> 16) & 0xFFFF, typmod & 0x7FF
    if typmod < 0 or not 0 < precision <= _MAX_PRECISION or scale > precision:
        return None
    return pa.decimal128(precision, scale)


def parse_decimals(texts: pa.ChunkedArray, column: str, kind: pa.DataType | None = None) -> pa.ChunkedArray:
    """Text such as ``-12.50`` as exact decimals; without a ``kind``, of the scale that the values need.

    Raises:
        WarehouseError: names the column whose values have no exact decimal form.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    point = pc.find_substring(texts, ".")
    whole = pc.if_else(pc.less(point, 0), pc.binary_length(texts), point)
    scale = pc.max(pc.subtract(pc.binary_length(texts), pc.add(whole, 1))).as_py() or 0
    signed = pc.cast(pc.starts_with(texts, "-"), pa.int32())
    integer_digits = pc.max(pc.subtract(whole, signed)).as_py() or 0
    kind = kind or pa.decimal128(_MAX_PRECISION, min(max(scale, 0), _MAX_PRECISION))
    try:
        if integer_digits > max(kind.precision - kind.scale, 1):
            raise pa.ArrowInvalid(f"{integer_digits} digits before the point do not fit {kind}")
        return pc.cast(texts, kind)
    except pa.ArrowInvalid as error:
        raise WarehouseError(
            f"Column {column!r} is numeric, but a value has no exact decimal form of at most "
            f"{_MAX_PRECISION} digits ({error}). Cast it to double precision in the query."
        ) from error
