"""Tables in and out of the warehouse as Arrow, over ADBC.

Types survive the trip: dates, exact decimals, booleans, nulls, timestamps with zone (as UTC),
and frames without rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from include.errors import WarehouseError
from include.warehouse.names import TableName, parse_table
from include.warehouse.trace import record_statement, record_write

if TYPE_CHECKING:
    import pyarrow as pa

IfExists = Literal["replace", "append"]


@contextmanager
def _open_adbc(uri: str) -> Iterator[Any]:
    """One ADBC connection in one transaction: commits at the end of the block, or rolls back."""
    from adbc_driver_manager import Error
    from adbc_driver_postgresql import dbapi

    try:
        connection = dbapi.connect(uri)
    except Error as error:
        raise WarehouseError(
            f"The warehouse cannot be reached: {str(error).strip()}. "
            "Check that it is up (make status) and that the connection 'warehouse' is right."
        ) from error
    with connection:
        try:
            yield connection
        except BaseException:
            connection.rollback()
            raise
        connection.commit()


def read_arrow(uri: str, sql: str) -> pa.Table:
    """Run a query and fetch its result as one Arrow table.

    ``numeric`` columns arrive as ``decimal128`` with the scale that their values need;
    ``timestamptz`` as ``timestamp[us, UTC]``.
    """
    record_statement(sql)
    with _open_adbc(uri) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        table: pa.Table = cursor.fetch_arrow_table()
    return restore_decimals(table)


def read_table(uri: str, table: str | TableName) -> pa.Table:
    """Fetch a whole table (see :func:`read_arrow`)."""
    return read_arrow(uri, f"select * from {parse_table(table).quoted}")


def write_arrow(uri: str, table: str | TableName, data: pa.Table, if_exists: IfExists = "append") -> int:
    """Write an Arrow table in one transaction; readers see the old rows or the new ones.

    ``replace`` drops and creates the table; ``append`` creates it when it is absent. The schema is
    created when it is absent.

    Returns:
        rows written.
    """
    name = parse_table(table)
    with _open_adbc(uri) as connection, connection.cursor() as cursor:
        cursor.execute(f'create schema if not exists "{name.schema}"')
        if if_exists == "replace":
            cursor.execute(f"drop table if exists {name.quoted}")
        _ingest(cursor, name, data)
    record_write(name)
    return int(data.num_rows)


def replace_rows(uri: str, table: str | TableName, data: pa.Table, column: str, value: str) -> int:
    """Replace the partition ``column = value`` of a table that exists, in one transaction.

    Args:
        value: the partition as text; Postgres casts it to the column's type.

    Returns:
        rows written.
    """
    name = parse_table(table)
    with _open_adbc(uri) as connection, connection.cursor() as cursor:
        cursor.execute(f'delete from {name.quoted} where "{column}"::text = $1', (value,))
        _ingest(cursor, name, data)
    record_write(name)
    return int(data.num_rows)


def _ingest(cursor: Any, name: TableName, data: pa.Table) -> None:
    cursor.adbc_ingest(name.name, plain_types(data), mode="create_append", db_schema_name=name.schema)


def plain_types(data: pa.Table) -> pa.Table:
    """Recode what the driver cannot ingest: dictionaries, large strings, nulls without a type."""
    import pyarrow as pa

    fields = []
    for field in data.schema:
        kind = field.type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        if pa.types.is_large_string(kind) or pa.types.is_null(kind):
            kind = pa.string()
        fields.append(pa.field(field.name, kind))
    target = pa.schema(fields)
    return data if target.equals(data.schema.remove_metadata()) else data.cast(target)


def restore_decimals(table: pa.Table) -> pa.Table:
    """Turn the driver's text form of ``numeric`` columns into ``decimal128``."""
    import pyarrow as pa

    for index, field in enumerate(table.schema):
        if is_numeric_text(field):
            texts = table.column(index).combine_chunks()
            texts = texts.storage if isinstance(texts, pa.ExtensionArray) else texts
            values = [None if text is None else Decimal(text) for text in texts.to_pylist()]
            scale = max(
                (-int(v.as_tuple().exponent) for v in values if v is not None and v.is_finite()), default=0
            )
            table = table.set_column(index, field.name, pa.array(values, pa.decimal128(38, max(scale, 0))))
    return table


def is_numeric_text(field: pa.Field) -> bool:
    """Whether a field is a Postgres ``numeric`` that came as text."""
    typname = (field.metadata or {}).get(b"ADBC:postgresql:typname")
    return bool(typname == b"numeric" or "type_name=numeric" in str(field.type))
