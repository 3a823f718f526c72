"""Connections to the database of a PostgreSQL source, read-only; what goes wrong with them, in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from include.errors import SourceError, SourceAwayError
from include.sources.postgres_columns import TableColumn, suggest_near

if TYPE_CHECKING:
    import psycopg
    import pyarrow as pa

# One consistent state of the database for all statements of a transaction.
_SNAPSHOT: Final = "set transaction isolation level repeatable read, read only"
_OPTIONS: Final = {
    "application_name": "orrery",
    "connect_timeout": 10,
    # A server that vanishes during a read is noticed after a minute.
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}
_BATCH_BYTES_OPTION: Final = "adbc.postgresql.batch_size_hint_bytes"
# Classes of errors (https://www.postgresql.org/docs/current/errcodes-appendix.html) that are about the connection, the
# load or a standby, and the right to read: nothing is wrong with what is read.
_PASSING: Final = ("08", "28", "40", "53", "57", "58", "42501")
_UNDEFINED_TABLE: Final = "42P01"
_MESSAGE_LENGTH: Final = 500


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
                connection.rollback()
                raise self._explain_missing(connection, what, table, error) from error
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
            raise self._explain_refusal(what, error) from error
        with opened as connection, connection.cursor() as cursor:
            try:
                cursor.execute(_SNAPSHOT)
                yield Snapshot(cursor, self.batch_bytes)
            except Error as error:
                raise self._explain(what, error, error.sqlstate) from error
            except _ReadError as error:
                raise self._explain_broken_read(what, connection, error) from error.__cause__
            finally:
                with suppress(Error):
                    connection.rollback()

    @contextmanager
    def _connect(self, what: str) -> Iterator[psycopg.Connection[Any]]:
        import psycopg

        try:
            opened = psycopg.connect(self.uri, **_OPTIONS)
        except psycopg.OperationalError as error:
            raise self._explain_refusal(what, error) from error
        try:
            with opened as connection:
                connection.execute(_SNAPSHOT)
                yield connection
        except psycopg.Error as error:
            raise self._explain(what, error, error.sqlstate) from error

    def _explain_refusal(self, what: str, error: Exception) -> SourceError:
        return SourceAwayError(
            f"{self._locate(what)}: no connection ({_shorten(error)}). Check that the server is up, and the host, "
            f"database, login and password of connection {self.connection!r}; then run again."
        )

    def _explain(self, what: str, error: Exception, sqlstate: str | None) -> SourceError:
        if sqlstate is None or sqlstate.startswith(_PASSING):
            return self._explain_break(what, error)
        return SourceError(
            f"{self._locate(what)}: the database refuses ({_shorten(error)}). Correct the source in sources.yml, or "
            "what it reads, and run again."
        )

    def _explain_break(self, what: str, error: Exception) -> SourceError:
        return SourceAwayError(
            f"{self._locate(what)}: reading broke off ({_shorten(error)}); nothing of it is kept. Check the server and "
            f"the rights of connection {self.connection!r}, and run again."
        )

    def _explain_broken_read(self, what: str, connection: Any, error: Exception) -> SourceError:
        """A reader of batches has no error codes: where the connection goes on, the query failed, and not it."""
        from adbc_driver_manager import Error

        try:
            connection.rollback()
        except Error:
            return self._explain_break(what, error)
        # What an administrator, a time-out or a standby ends is not the query's fault.
        is_cancelled = "canceling statement" in str(error)
        return self._explain_break(what, error) if is_cancelled else self._explain(what, error, "22000")

    def _explain_missing(
        self, connection: psycopg.Connection[Any], what: str, table: str | None, error: Exception
    ) -> SourceError:
        if table is None:
            return self._explain(what, error, _UNDEFINED_TABLE)
        rows = connection.execute(
            "select n.nspname || '.' || c.relname from pg_class as c join pg_namespace as n on n.oid = c.relnamespace "
            "where c.relkind in ('r', 'v', 'm', 'f', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'"
        ).fetchall()
        near = suggest_near(table, [one for (one,) in rows])
        hint = f" (do you mean {near}?)" if near else ""
        return SourceError(
            f"{self._locate(what)}: there is no such table{hint}. Names are written as in the database, with their "
            f"capitals. Correct table of {self.name!r} in sources.yml, and run again."
        )

    def _locate(self, what: str) -> str:
        return f"Source {self.name!r}, {what} in {self.server}"

    def refuse(self, what: str, problem: object) -> SourceError:
        """An error for what is wrong with the columns of a source."""
        return SourceError(
            f"{self._locate(what)}: {problem}. Correct the columns or the watermark of {self.name!r} in sources.yml, "
            "and run again."
        )


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
        return self._cursor.fetch_arrow_table().column(0)[0].as_py()

    def read_batches(self, sql: str) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """The columns of a query, and its rows in batches, which are read one by one."""
        self._cursor.adbc_statement.set_options(**{_BATCH_BYTES_OPTION: str(self._batch_bytes)})
        self._cursor.execute(sql)
        reader = self._cursor.fetch_record_batch()
        return reader.schema.remove_metadata(), _raise_read_errors(reader)


def _raise_read_errors(reader: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    while True:
        try:
            batch = next(reader, None)
        except OSError as error:
            raise _ReadError(str(error)) from error
        if batch is None:
            return
        yield batch


def _shorten(error: Exception) -> str:
    return " ".join(str(error).split())[:_MESSAGE_LENGTH]
