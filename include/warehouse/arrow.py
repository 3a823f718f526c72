"""Tables in and out of the warehouse as Arrow, over ADBC.

Types survive the trip both ways: integers (with nulls too), floats, exact decimals, booleans, text,
dates, timestamps with zone (as UTC) and without, and frames without rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import parse_qs, urlsplit, urlunsplit

from include.errors import WarehouseError
from include.warehouse.arrow_types import match_columns, plain_types, restore_decimals, scaled_columns, unscale_decimals
from include.warehouse.names import TableName, parse_table
from include.warehouse.trace import PendingWrites, record_read, record_write

if TYPE_CHECKING:
    import pyarrow as pa

IfExists = Literal["replace", "append"]

# Rows that the driver encodes while PostgreSQL takes in the ones before: with one chunk they take turns.
CHUNK_ROWS: Final = 1 << 16
# "Cannot convert NaN to bigint" is PostgreSQL's feature_not_supported.
_NO_BIGINT: Final = "0A000"
_MAINTENANCE: Final = "postgres"
# PostgreSQL's own objects have smaller numbers (FirstNormalObjectId).
_FIRST_OWN_OID: Final = 16384


@lru_cache(maxsize=4)
def _open_database(uri: str, *, knows_all: bool = True) -> Any:
    """The driver's knowledge of a database's types, which connections share; it holds no connection itself.

    The driver reads the whole catalogue for it, which takes thirty times as long as a connection where there are
    hundreds of partitions.

    Args:
        knows_all: else PostgreSQL's own types are enough, which are the same in each database of a server.
    """
    import adbc_driver_postgresql
    from adbc_driver_manager.dbapi import _SharedDatabase

    small = None if knows_all else _find_small_catalogue(uri)
    database = adbc_driver_postgresql.connect(small or uri)
    if small:
        database.set_options(uri=uri)  # of the connections from now on; the types are those that were read
    return _SharedDatabase(database)


def _find_small_catalogue(uri: str) -> str | None:
    """The server's database ``postgres``, if it lets us in and has no types of its own, whose numbers mislead."""
    import psycopg

    parts = urlsplit(uri)
    if "dbname" in parse_qs(parts.query) or not parts.scheme.startswith("postgres"):
        return None
    small = urlunsplit(parts._replace(path=f"/{_MAINTENANCE}"))
    try:
        with psycopg.connect(small, connect_timeout=2) as connection:
            found = connection.execute("select not exists (select from pg_type where oid >= %s)", (_FIRST_OWN_OID,))
            return small if (found.fetchone() or (False,))[0] else None
    except psycopg.Error:
        return None


@contextmanager
def open_adbc(uri: str, *, knows_all: bool = True) -> Iterator[Any]:
    """One ADBC connection in one transaction: commits at the end of the block, or rolls back.

    Args:
        knows_all: whether it knows the types that the database does not have from PostgreSQL itself.
    """
    from adbc_driver_manager import AdbcConnection, Error
    from adbc_driver_manager.dbapi import Connection

    try:
        database = _open_database(uri, knows_all=knows_all)
        connection = Connection(database, AdbcConnection(database._db))
    except Error as error:
        raise WarehouseError(
            f"The warehouse cannot be reached: {str(error).strip()}. "
            "Check that it is up (make status) and that the connection 'warehouse' is right."
        ) from error
    with connection:
        try:
            yield connection
            connection.commit()
        except Error as error:
            # A connection that broke has nothing left to roll back, and says so with an error of its own.
            with suppress(Error):
                connection.rollback()
            raise WarehouseError(f"The warehouse refused; nothing was changed: {str(error).strip()}") from error
        except BaseException:
            connection.rollback()
            raise


def read_arrow(uri: str, sql: str, *, is_nan_missing: bool = False) -> pa.Table:
    """Run a query and fetch its result as one Arrow table.

    ``numeric`` columns arrive as ``decimal128`` (see :func:`restore_decimals`); ``timestamptz`` as
    ``timestamp[us, UTC]``.

    Args:
        is_nan_missing: a ``numeric`` that is NaN comes as null, as in a feature, for which both mean the same; else it
            is refused.

    Raises:
        WarehouseError: the query was refused, or a ``numeric`` has no exact decimal form.
    """
    pending = PendingWrites()
    pending.add_statement(sql)
    table = _fetch(uri, sql, is_nan_missing=is_nan_missing)
    pending.commit()
    return table


def read_beside(uri: str, sql: str, name: str, rows: pa.Table, types: Mapping[str, str]) -> pa.Table:
    """Run a query that also reads Arrow rows, as the temporary table ``name`` (see :func:`read_arrow`).

    A ``numeric`` that is NaN comes as null.

    Args:
        types: by column, the SQL type that a text column has in the temporary table.
    """
    pending = PendingWrites()
    pending.add_statement(sql)

    def fetch(cursor: Any) -> pa.Table:
        chunks = plain_types(rows).to_reader(max_chunksize=CHUNK_ROWS)
        cursor.adbc_ingest(name, chunks, mode="create", temporary=True)
        for column, kind in types.items():
            cursor.execute(f'alter table "{name}" alter "{column}" type {kind} using "{column}"::{kind}')
        cursor.execute(f'analyze "{name}"')
        cursor.execute(sql)
        return cursor.fetch_arrow_table()

    table = restore_decimals(_read(uri, fetch), is_nan_missing=True)
    pending.commit()
    return table


def read_table(uri: str, table: str | TableName) -> pa.Table:
    """Fetch a whole table (see :func:`read_arrow`).

    A ``numeric(p, s)`` of at most 18 digits travels as a bigint: its text would take as long as all other
    columns of a usual table.
    """
    name = parse_table(table)
    record_read(name)
    try:
        return read_scaled(uri, name)
    except WarehouseError as error:
        if getattr(error.__cause__, "sqlstate", None) != _NO_BIGINT:
            raise
    # As text, a NaN is refused by the name of its column.
    return _fetch(uri, f"select * from {name.quoted}")


def read_scaled(uri: str, name: TableName) -> pa.Table:
    """Fetch a table whose declared decimals, none of them NaN, travel as integers (see :func:`read_table`)."""

    def fetch(cursor: Any) -> pa.Table:
        cursor.execute(f"select * from {name.quoted} limit 0")
        schema = cursor.fetch_arrow_table().schema
        kinds = scaled_columns(schema)
        columns = ", ".join(_select_column(column, kinds.get(column)) for column in schema.names)
        cursor.execute(f"select {columns} from {name.quoted}")
        return unscale_decimals(cursor.fetch_arrow_table(), kinds)

    return restore_decimals(_read(uri, fetch))


def _select_column(column: str, kind: pa.DataType | None) -> str:
    quoted = '"' + column.replace('"', '""') + '"'
    return quoted if kind is None else f"({quoted} * {10**kind.scale})::bigint as {quoted}"


def _fetch(uri: str, sql: str, *, is_nan_missing: bool = False) -> pa.Table:
    def fetch(cursor: Any) -> pa.Table:
        cursor.execute(sql)
        return cursor.fetch_arrow_table()

    return restore_decimals(_read(uri, fetch), is_nan_missing=is_nan_missing)


def _read(uri: str, fetch: Callable[[Any], pa.Table]) -> pa.Table:
    """What ``fetch`` reads with a cursor; read again where a type is none that the driver knows."""
    with open_adbc(uri, knows_all=False) as connection, connection.cursor() as cursor:
        table = fetch(cursor)
    if not any(map(has_unknown_type, table.schema)):
        return table
    forget_types()
    with open_adbc(uri) as connection, connection.cursor() as cursor:
        return fetch(cursor)


def has_unknown_type(field: pa.Field) -> bool:
    """Whether a column came in a type that the driver has not read from the catalogue (see :func:`open_adbc`)."""
    return bool((field.metadata or {}).get(b"POSTGRESQL:type", b"").startswith(b"unnamed<"))


def forget_types() -> None:
    """Let the next connection read the catalogue anew."""
    _open_database.cache_clear()


def write_arrow(uri: str, table: str | TableName, data: pa.Table, if_exists: IfExists = "append") -> int:
    """Write an Arrow table in one transaction; readers see the old rows or the new ones.

    ``replace`` drops and creates the table; ``append`` creates it when it is absent, and else matches
    columns by name. The schema is created when it is absent.

    Returns:
        rows written.

    Raises:
        WarehouseError: the rows were refused; the table is as it was.
    """
    name = parse_table(table)
    with open_adbc(uri) as connection, connection.cursor() as cursor:
        cursor.execute(f'create schema if not exists "{name.schema}"')
        if if_exists == "replace":
            cursor.execute(f"drop table if exists {name.quoted}")
        _ingest(cursor, name, data)
    record_write(name)
    return int(data.num_rows)


def _ingest(cursor: Any, name: TableName, data: pa.Table) -> None:
    cursor.execute("select to_regclass($1) is not null as is_there", (name.quoted,))
    if cursor.fetch_arrow_table().column(0)[0].as_py():
        cursor.execute(f"select * from {name.quoted} limit 0")
        data = match_columns(data, cursor.fetch_arrow_table().schema, str(name))
    chunks = plain_types(data).to_reader(max_chunksize=CHUNK_ROWS)
    cursor.adbc_ingest(name.name, chunks, mode="create_append", db_schema_name=name.schema)
