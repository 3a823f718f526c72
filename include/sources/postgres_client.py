"""Connections to the database of a PostgreSQL source: read-only, and of one state where several statements read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from include.errors import SourceError
from include.sources.postgres_columns import TableColumn, suggest_near
from include.sources.postgres_errors import CONNECTION_FAILURE, DATA_EXCEPTION, QUERY_CANCELED, PostgresErrors
from include.sources.source import SourceAccess

if TYPE_CHECKING:
    import psycopg
    import pyarrow as pa

# One consistent state of the database for all statements of a transaction.
_SNAPSHOT: Final = "set transaction isolation level repeatable read, read only"
_OPTIONS: Final[dict[str, str | int]] = {
    "application_name": "orrery",
    "client_encoding": "UTF8",
    "connect_timeout": 10,
    # A server that vanishes during a read is noticed after a minute.
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}
_EXTRA: Final = ("sslmode", "sslrootcert", "sslcert", "sslkey", "channel_binding", "options", "target_session_attrs")
_BATCH_BYTES_OPTION: Final = "adbc.postgresql.batch_size_hint_bytes"
_TABLES: Final = (
    "select n.nspname || '.' || c.relname from pg_class as c join pg_namespace as n on n.oid = c.relnamespace "
    "where c.relkind in ('r', 'v', 'm', 'f', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'"
)


def find_conninfo(connection: str, access: SourceAccess) -> str:
    """The connection string of libpq; of the connection's extra it takes what is about TLS and the session.

    Raises:
        SourceError: the connection names no host or no database.
    """
    from psycopg.conninfo import make_conninfo

    if not access.host or not access.schema:
        missing = "schema, the name of the database" if access.host else "host"
        raise SourceError(f"Connection {connection!r} has no {missing}. Add it, and run again.")
    known: dict[str, str | int | None] = {
        **{name: access.extra.get(name) for name in _EXTRA},
        "host": access.host,
        "port": access.port,
        "dbname": access.schema,
        "user": access.login,
        "password": access.password,
    }
    return make_conninfo("", **{name: value for name, value in known.items() if value})


@dataclass(frozen=True)
class PostgresClient:
    """Reads from one database.

    ``uri`` is a connection string of libpq; ``name`` and ``connection`` are the source's, for messages.
    """

    name: str
    connection: str
    uri: str = field(repr=False)
    batch_bytes: int = 16 << 20

    @property
    def server(self) -> str:
        """The database and its server, for messages."""
        from psycopg.conninfo import conninfo_to_dict

        known = conninfo_to_dict(self.uri)
        port = f":{known['port']}" if known.get("port") else ""
        return f"database {known.get('dbname', '')} on {known.get('host', 'localhost')}{port}"

    def explain(self, what: str) -> PostgresErrors:
        """The errors of reading ``what``."""
        return PostgresErrors(self.name, self.connection, f"{what} in {self.server}")

    def fetch_row(self, what: str, sql: str) -> tuple[Any, ...]:
        """The one row of a query; ``what`` names for messages what it reads.

        Raises:
            SourceAwayError: the server is away or refuses us.
            SourceError: it refuses the query.
        """
        with self._connect(what) as connection:
            return connection.execute(sql.encode()).fetchone() or ()

    def describe_columns(self, what: str, relation: str, table: str | None) -> list[TableColumn]:
        """The columns of a relation.

        Args:
            table: its name, where it is a table, to find a near one.

        Raises:
            SourceAwayError, SourceError: see :meth:`fetch_row`.
        """
        import psycopg

        with self._connect(what) as connection:
            try:
                described = connection.execute(f"select * from {relation} limit 0".encode()).description or ()
            except psycopg.errors.UndefinedTable as error:
                if table is None:
                    raise
                connection.rollback()
                tables = [one for (one,) in connection.execute(_TABLES).fetchall()]
                raise self.explain(what).explain_missing_table(suggest_near(table, tables)) from error
            types = connection.execute(
                "select oid, case when typcategory in ('S', 'E') then 'text' else typname end, format_type(oid, null) "
                "from pg_type where oid = any(%s)",
                ([one.type_code for one in described],),
            ).fetchall()
        names = {oid: (name, written) for oid, name, written in types}
        return [TableColumn(one.name, *names[one.type_code]) for one in described]

    @contextmanager
    def open_snapshot(self, what: str) -> Iterator[Snapshot]:
        """One read-only transaction that sees one state of the database, over Arrow.

        Raises:
            SourceAwayError, SourceError: see :meth:`fetch_row`; also when the connection ends in the block.
        """
        import adbc_driver_postgresql.dbapi as adbc
        import psycopg
        from adbc_driver_manager import Error

        try:
            opened = adbc.connect(psycopg.conninfo.make_conninfo(self.uri, **_OPTIONS))
        except Error as error:
            raise self.explain(what).explain_no_connection(error) from error
        with opened as connection, connection.cursor() as cursor:
            try:
                cursor.execute(_SNAPSHOT)
                yield Snapshot(cursor, self.batch_bytes)
            except Error as error:
                raise self.explain(what).explain(error, error.sqlstate or CONNECTION_FAILURE) from error
            except _ReadError as error:
                raise self.explain(what).explain(error, _find_state(connection, error)) from error.__cause__
            finally:
                with suppress(Error):
                    connection.rollback()

    @contextmanager
    def _connect(self, what: str) -> Iterator[psycopg.Connection[Any]]:
        import psycopg

        try:
            opened = psycopg.connect(psycopg.conninfo.make_conninfo(self.uri, **_OPTIONS))
        except psycopg.OperationalError as error:
            raise self.explain(what).explain_no_connection(error) from error
        try:
            with opened as connection:
                connection.execute(_SNAPSHOT)
                yield connection
        except psycopg.Error as error:
            is_broken = isinstance(error, psycopg.OperationalError)
            state = error.sqlstate or (CONNECTION_FAILURE if is_broken else DATA_EXCEPTION)
            raise self.explain(what).explain(error, state) from error


class _ReadError(Exception):
    """A reader of batches failed."""


class Snapshot:
    """One state of a database."""

    def __init__(self, cursor: Any, batch_bytes: int) -> None:
        self._cursor = cursor
        self._batch_bytes = batch_bytes

    def fetch_value(self, sql: str) -> Any:
        """The first value of a query."""
        self._cursor.execute(sql)
        try:
            return self._cursor.fetch_arrow_table().column(0)[0].as_py()
        except (OverflowError, ValueError) as error:
            raise _ReadError(f"a moment outside of the years 1 to 9999: {error}") from error

    def read_batches(self, sql: str) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """The columns of a query, and its rows in batches, which are read one by one."""
        self._cursor.adbc_statement.set_options(**{_BATCH_BYTES_OPTION: str(self._batch_bytes)})
        self._cursor.execute(sql)
        reader = self._cursor.fetch_record_batch()
        return reader.schema.remove_metadata(), _raise_read_errors(reader)


def _raise_read_errors(reader: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    while True:
        try:
            batch = next(reader, None)
        except (OSError, pa.ArrowException) as error:
            raise _ReadError(str(error)) from error
        if batch is None:
            return
        yield batch


def _find_state(connection: Any, error: _ReadError) -> str:
    """The class of an error that has no code: where the connection goes on, the query failed, and not it.

    What an administrator, a time-out or a standby ends is not the query's fault.
    """
    from adbc_driver_manager import Error

    try:
        connection.rollback()
    except Error:
        return CONNECTION_FAILURE
    return QUERY_CANCELED if "canceling statement" in str(error) else DATA_EXCEPTION
