"""Connections to the warehouse that come back by themselves."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, PoolClosed

from include.errors import WarehouseError

Connection = psycopg.AsyncConnection[dict[str, Any]]
Turn = AbstractAsyncContextManager[Any]

_RETRY_PAUSE_S: Final = 0.5
_GIVE_UP_S: Final = 0.1

# What it would say at every attempt of an outage, the server's status says once.
logging.getLogger("psycopg").setLevel(logging.ERROR)


class WarehousePool:
    """A bounded pool; each statement is a transaction of its own and has ``timeout_s``, waiting included.

    While the warehouse is away, statements are refused at once between attempts to connect, so that no
    request waits for a dead server.
    """

    def __init__(self, uri: str, size: int, timeout_s: float, application_name: str) -> None:
        self._size = size
        self._timeout_s = timeout_s
        self._refused_until = 0.0
        self._takers: set[asyncio.Task[Connection]] = set()
        self._work: set[asyncio.Task[Any]] = set()
        self._reason = ""
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            uri,
            connection_class=_watch_connecting(self._note_unreachable),
            min_size=0,
            max_size=size,
            open=False,
            timeout=timeout_s,
            # Not in the background: who needs a connection tries anew.
            reconnect_timeout=_GIVE_UP_S,
            name=application_name,
            kwargs={
                "autocommit": True,
                "row_factory": dict_row,
                # dbt replaces tables: a plan prepared for the old one would be refused.
                "prepare_threshold": None,
                "application_name": application_name,
                "connect_timeout": max(2, min(round(timeout_s), 3600)),
            },
        )

    async def open(self) -> None:
        """Make the pool usable; nothing is connected yet."""
        await self._pool.open()

    async def close(self) -> None:
        """Close the connections; statements that still run are given up."""
        for work in self._work:
            work.cancel()
        await self._pool.close(timeout=1.0)

    async def fetch_all(self, sql: str, parameters: Sequence[Any], turn: Turn | None = None) -> list[dict[str, Any]]:
        """All rows of a query; tried again on another connection where one had died.

        Args:
            turn: held while a connection is waited for and used.

        Raises:
            StatementTimeoutError: no answer in time.
            WarehouseError: the warehouse is away or refuses the statement; the cause is psycopg's error.
        """
        return await self._bound(_Statement(sql, parameters, turn or nullcontext(), attempts=self._size + 1))

    async def execute(self, sql: str, parameters: Sequence[Any]) -> None:
        """Run one statement, once.

        Raises:
            RowsRefusedError: the values cannot be stored.
            WarehouseError: the warehouse is away, too slow, or refuses the statement.
        """
        await self._bound(_Statement(sql, parameters, nullcontext(), attempts=1))

    async def _bound(self, statement: _Statement) -> list[dict[str, Any]]:
        """Leave a statement behind at its time limit: a server that hangs needs seconds even to be told to stop."""
        work = asyncio.create_task(self._run(statement))
        self._work.add(work)
        work.add_done_callback(self._work.discard)
        try:
            return await asyncio.wait_for(asyncio.shield(work), self._timeout_s)
        except TimeoutError as error:
            work.cancel()
            if not statement.has_begun:
                raise WarehouseError(f"No connection to the warehouse came free in {self._timeout_s:g} s.") from error
            raise StatementTimeoutError(
                f"The warehouse gave no answer within {self._timeout_s:g} s. Check its load and its locks."
            ) from error

    async def _run(self, statement: _Statement) -> list[dict[str, Any]]:
        async with statement.turn:
            for _ in range(statement.attempts - 1):
                try:
                    return await self._run_once(statement)
                except _ConnectionLostError:
                    continue
            return await self._run_once(statement)

    async def _run_once(self, statement: _Statement) -> list[dict[str, Any]]:
        connection = await self._take()
        statement.has_begun = True
        try:
            cursor = await connection.execute(statement.sql, statement.parameters)
            return await cursor.fetchall() if cursor.description else []
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            raise RowsRefusedError(f"The warehouse refused the rows: {_first_line(error)}.") from error
        except psycopg.Error as error:
            if connection.closed:
                raise _ConnectionLostError(
                    f"The connection to the warehouse was lost: {_first_line(error)}."
                ) from error
            raise WarehouseError(f"The warehouse refused a statement: {_first_line(error)}.") from error
        finally:
            await self._pool.putconn(connection)

    async def _take(self) -> Connection:
        if time.monotonic() < self._refused_until:
            raise WarehouseError("The warehouse is away; it was tried a moment ago.")
        taking = asyncio.create_task(self._pool.getconn())
        self._takers.add(taking)
        try:
            return await taking
        except PoolClosed as error:
            raise WarehouseError("The server is stopping.") from error
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                raise
            raise WarehouseError(
                f"The warehouse cannot be reached: {self._reason}. Check that it is up (make status)."
            ) from None
        finally:
            self._takers.discard(taking)

    def _note_unreachable(self, error: Exception) -> None:
        """Tell everybody who waits, unless other connections may still come free for them."""
        if self._pool.get_stats()["pool_size"] > 1:
            return
        self._reason = _first_line(error)
        self._refused_until = time.monotonic() + _RETRY_PAUSE_S
        for taking in self._takers:
            taking.cancel()


@dataclass
class _Statement:
    """One statement on its way; ``attempts`` is how often it may run where connections turn out dead."""

    sql: str
    parameters: Sequence[Any]
    turn: Turn
    attempts: int
    has_begun: bool = False


class StatementTimeoutError(WarehouseError):
    """The warehouse gave no answer in time."""


class RowsRefusedError(WarehouseError):
    """The warehouse cannot store the values; a second try would end the same."""


class _ConnectionLostError(WarehouseError):
    """A connection is gone."""


def _watch_connecting(note: Any) -> type[Connection]:
    """A connection class that tells ``note`` why a connection could not be made; the pool itself keeps that back."""

    class WatchedConnection(psycopg.AsyncConnection[dict[str, Any]]):
        @classmethod
        async def connect(cls, conninfo: str = "", **options: Any) -> Any:
            try:
                return await super().connect(conninfo, **options)
            except Exception as error:
                note(error)
                raise

    return WatchedConnection


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
