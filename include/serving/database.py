"""One connection to the warehouse that comes back by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from include.errors import WarehouseError

if TYPE_CHECKING:
    import psycopg

_RETRY_PAUSE_S: Final = 0.5


class Database:
    """Runs statements one after another on one connection, each in a transaction of its own.

    While the warehouse is away, statements are refused at once between attempts to connect, so that
    no request waits for a dead server.
    """

    def __init__(self, uri: str, timeout_s: float, application_name: str) -> None:
        self._uri = uri
        self._timeout_s = timeout_s
        self._application_name = application_name
        self._connection: psycopg.AsyncConnection[dict[str, Any]] | None = None
        self._refused_until = 0.0
        self._turn = asyncio.Lock()
        self._ending: set[asyncio.Task[None]] = set()

    async def fetch_all(self, sql: str, parameters: Sequence[Any]) -> list[dict[str, Any]]:
        """All rows of a query; tried again once on a new connection if the old one had died.

        Raises:
            WarehouseError: the warehouse is away, too slow, or refuses the statement.
        """
        async with self._turn:
            try:
                return await self._run(sql, parameters, is_query=True)
            except _ConnectionLostError:
                return await self._run(sql, parameters, is_query=True)

    async def execute(self, sql: str, parameters: Sequence[Any]) -> None:
        """Run one statement, once.

        Raises:
            WarehouseError: the warehouse is away, too slow, or refuses the statement
                (:class:`RowsRefusedError`).
        """
        async with self._turn:
            await self._run(sql, parameters, is_query=False)

    async def close(self) -> None:
        """Close the connection; the next statement opens a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _run(self, sql: str, parameters: Sequence[Any], *, is_query: bool) -> list[dict[str, Any]]:
        import psycopg

        is_fresh = self._connection is None
        connection = self._connection or await self._connect()
        work = asyncio.create_task(_run_statement(connection, sql, parameters, is_query=is_query))
        try:
            return await asyncio.wait_for(asyncio.shield(work), self._timeout_s)
        except TimeoutError as error:
            self._give_up(work, connection)
            raise WarehouseError(
                f"The warehouse gave no answer within {self._timeout_s:g} s. Check its load and its locks."
            ) from error
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            await self.close()
            kind = WarehouseError if is_fresh else _ConnectionLostError
            raise kind(f"The connection to the warehouse was lost: {_first_line(error)}.") from error
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            raise RowsRefusedError(f"The warehouse refused the rows: {_first_line(error)}.") from error
        except psycopg.Error as error:
            raise WarehouseError(f"The warehouse refused a statement: {_first_line(error)}.") from error

    def _give_up(self, work: asyncio.Task[Any], connection: psycopg.AsyncConnection[Any]) -> None:
        """Leave a statement behind: a warehouse that hangs needs seconds even to be told to stop."""
        self._connection = None

        async def end() -> None:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            await connection.close()

        task = asyncio.create_task(end())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _connect(self) -> psycopg.AsyncConnection[dict[str, Any]]:
        import psycopg
        from psycopg.rows import dict_row

        if time.monotonic() < self._refused_until:
            raise WarehouseError("The warehouse is away; it was tried a moment ago.")
        try:
            async with asyncio.timeout(self._timeout_s):
                self._connection = await psycopg.AsyncConnection.connect(
                    self._uri,
                    autocommit=True,
                    row_factory=dict_row,
                    # dbt replaces tables: a plan prepared for the old one would be refused.
                    prepare_threshold=None,
                    application_name=self._application_name,
                )
        except (psycopg.Error, TimeoutError) as error:
            self._refused_until = time.monotonic() + _RETRY_PAUSE_S
            raise WarehouseError(
                f"The warehouse cannot be reached: {_first_line(error)}. Check that it is up (make status)."
            ) from error
        return self._connection


async def _run_statement(
    connection: psycopg.AsyncConnection[dict[str, Any]], sql: str, parameters: Sequence[Any], *, is_query: bool
) -> list[dict[str, Any]]:
    cursor = await connection.execute(sql, parameters)
    return await cursor.fetchall() if is_query else []


class RowsRefusedError(WarehouseError):
    """The values themselves are at fault; a second try would end the same."""


class _ConnectionLostError(WarehouseError):
    """A connection that had worked before is gone."""


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
