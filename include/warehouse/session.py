"""SQL in one transaction, over psycopg."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from include.errors import WarehouseError
from include.warehouse.trace import PendingWrites

if TYPE_CHECKING:
    import psycopg

Row = dict[str, Any]

Parameters = Sequence[Any] | Mapping[str, Any] | None
"""Of a query: by position, or by name."""


class Session:
    """One open transaction. Statements take ``%s`` placeholders."""

    def __init__(self, connection: psycopg.Connection[Row]) -> None:
        self._connection = connection
        self._pending = PendingWrites()

    def execute(self, sql: str, parameters: Sequence[Any] | None = None) -> int:
        """Run one statement; the number of rows that it touched."""
        self._pending.add_statement(sql)
        return self._connection.execute(sql, parameters).rowcount

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one statement once for each row of parameters."""
        self._pending.add_statement(sql)
        with self._connection.cursor() as cursor:
            cursor.executemany(sql, rows)

    def copy_in(self, sql: str, chunks: Iterable[bytes]) -> int:
        """Run one ``copy … from stdin`` with the bytes that it takes in; the number of rows."""
        self._pending.add_statement(sql)
        with self._connection.cursor() as cursor:
            with cursor.copy(sql) as copy:
                for chunk in chunks:
                    copy.write(chunk)
            return cursor.rowcount

    def fetch_all(self, sql: str, parameters: Parameters = None) -> list[Row]:
        """All rows of a query, each a dictionary by column."""
        self._pending.add_statement(sql)
        return self._connection.execute(sql, parameters).fetchall()

    def fetch_one(self, sql: str, parameters: Parameters = None) -> Row | None:
        """The first row of a query, or None."""
        self._pending.add_statement(sql)
        return self._connection.execute(sql, parameters).fetchone()

    def fetch_value(self, sql: str, parameters: Sequence[Any] | None = None) -> Any:
        """The first column of the first row, or None."""
        row = self.fetch_one(sql, parameters)
        return None if row is None else next(iter(row.values()))

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A part of the transaction that an exception rolls back alone; what it wrote is not reported then."""
        mark = self._pending.mark()
        # As the first statement it would be the transaction itself, and commit.
        self._connection.execute("select")
        try:
            with self._connection.transaction():
                yield
        except BaseException:
            self._pending.discard(mark)
            raise

    def commit(self) -> None:
        """Commit what was done so far; what follows is another transaction, which an exception rolls back alone.

        Where a statement failed and the caller went on, PostgreSQL rolls back instead and no write is reported.
        """
        from psycopg.pq import TransactionStatus

        has_failed = self._connection.info.transaction_status == TransactionStatus.INERROR
        self._connection.commit()
        if has_failed:
            self._pending.discard()
        else:
            self._pending.commit()


IDLE_LIMIT_S: Final = 3600
"""A worker that has said nothing for so long within a transaction is taken for lost."""


def limit_idleness(session: Session) -> None:
    """Let the server end this transaction when its worker hangs, so that what it holds comes free."""
    session.fetch_value("select set_config('idle_in_transaction_session_timeout', %s, true)", (f"{IDLE_LIMIT_S}s",))


@contextmanager
def open_session(uri: str, *, connect_timeout_s: int = 10) -> Iterator[Session]:
    """Connect, run the block in one transaction, commit; an exception rolls back what is not committed.

    Args:
        uri: ``postgresql://user:password@host:port/database``.
        connect_timeout_s: seconds to wait for the server.

    Raises:
        WarehouseError: the server cannot be reached, or the connection broke during the block; what
            was not committed was rolled back.
    """
    import psycopg
    from psycopg.rows import dict_row

    try:
        connection = psycopg.connect(
            uri, row_factory=dict_row, connect_timeout=connect_timeout_s, application_name="orrery"
        )
    except psycopg.OperationalError as error:
        raise WarehouseError(
            f"The warehouse cannot be reached: {str(error).strip()}. "
            "Check that it is up (make status) and that the connection 'warehouse' is right."
        ) from error
    try:
        with connection:
            session = Session(connection)
            yield session
            session.commit()
    except psycopg.OperationalError as error:
        if not connection.broken:
            raise
        raise WarehouseError(
            f"The connection to the warehouse broke: {str(error).strip()}. What was not committed was rolled back. "
            "Check that the warehouse is up (make status), then run the task again."
        ) from error
