"""Features by key from the online tables of one version."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Any, Final

from include.features.catalog import SQL_TYPES, Entity
from include.features.read import EntityRow, select_online, split_online_row
from include.registry.contract import ModelContract
from include.serving.warehouse_pool import StatementTimeoutError, WarehousePool
from include.warehouse.names import TableName

Keys = tuple[Any, ...]
Tables = tuple[TableName, ...]

_BATCH_MAX: Final = 1000


class OnlineStore:
    """Lookups in the online tables over one pool, shared so that no table takes all the connections.

    Lookups in one set of tables use at most half of the connections at once. Tables whose last lookup timed
    out (they are locked, say) share a single one, until a lookup succeeds.
    """

    def __init__(self, pool: WarehousePool, connections_max: int) -> None:
        self._pool = pool
        self._turns: defaultdict[Tables, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(max(1, connections_max // 2))
        )
        self._stalled: set[Tables] = set()
        self._stalled_turn = asyncio.Semaphore(1)

    async def fetch(self, tables: Tables, sql: str, parameters: list[Any]) -> list[dict[str, Any]]:
        """The rows of a query.

        Raises:
            WarehouseError: the warehouse is away or too slow, or a table or column is gone.
        """
        turn = self._stalled_turn if tables in self._stalled else self._turns[tables]
        try:
            rows = await self._pool.fetch_all(sql, parameters, turn)
        except StatementTimeoutError:
            self._stalled.add(tables)
            raise
        self._stalled.discard(tables)
        return rows


class FeatureReader:
    """Reads the entities of one version one query at a time; who asks while a query runs shares the next one.

    One connection serves thousands of requests a second this way, and a lone request waits for nobody.
    """

    def __init__(self, store: OnlineStore, contract: ModelContract) -> None:
        """SourceError: a group of the version has no online table."""
        self._store = store
        self._entity = contract.entity
        self._tables = tuple(group.online for group in contract.groups if group.online)
        self._sql = select_entities(contract)
        self._waiting: dict[Keys, asyncio.Future[EntityRow | None]] = {}
        self._worker: asyncio.Task[None] | None = None

    async def read(self, keys: Keys) -> EntityRow | None:
        """The newest features of one entity; None if the online table does not know it.

        Raises:
            WarehouseError: the warehouse is away or too slow, or a table or column is gone.
        """
        future = self._waiting.get(keys)
        if future is None:
            future = self._waiting[keys] = asyncio.get_running_loop().create_future()
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())
        # A request that is cancelled must not take the answer away from those who share it.
        return await asyncio.shield(future)

    async def _work(self) -> None:
        try:
            while self._waiting:
                taken = dict(list(self._waiting.items())[:_BATCH_MAX])
                for keys in taken:
                    del self._waiting[keys]
                await self._answer(taken)
        finally:
            self._worker = None

    async def _answer(self, taken: dict[Keys, asyncio.Future[EntityRow | None]]) -> None:
        try:
            columns = [list(column) for column in zip(*taken, strict=True)]
            rows = await self._store.fetch(self._tables, self._sql, columns)
            names = self._entity.key_names
            found = {tuple(row[name] for name in names): split_online_row(row, self._entity) for row in rows}
        except Exception as error:
            for future in taken.values():
                future.set_exception(error)
                future.exception()  # marks it as seen, in case every asker has gone
            return
        for keys, future in taken.items():
            future.set_result(found.get(keys))


def select_entities(contract: ModelContract) -> str:
    """The query for the features of many entities; its parameters are one array for each key column.

    Raises:
        SourceError: a group of the version has no online table.
    """
    query = select_online(contract.entity, contract.groups, contract.features)
    return f"{query.replace('%', '%%')} {_select_keys(contract.entity)}"


def _select_keys(entity: Entity) -> str:
    columns = [f'g0."{key.name}"' for key in entity.keys]
    arrays = [f"%s::{SQL_TYPES[key.type]}[]" for key in entity.keys]
    if len(columns) == 1:
        return f"where {columns[0]} = any({arrays[0]})"
    return f"where ({', '.join(columns)}) in (select * from unnest({', '.join(arrays)}))"
