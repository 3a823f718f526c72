"""Features by household from the online store."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from include.serving.database import Database

SQL: Final = "select * from online.customer_features where household_id = any(%s)"
_KEYS: Final = ("household_id", "as_of_date")
_BATCH_MAX: Final = 1000


@dataclass(frozen=True)
class FeatureRow:
    """The newest features of one household, as of midnight that starts ``as_of_date``; None is undefined."""

    as_of_date: date
    features: dict[str, float | None]


class FeatureReader:
    """Reads households one query at a time; who asks while a query runs shares the next one.

    One connection serves thousands of requests a second this way, and a lone request waits for nobody.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: dict[int, asyncio.Future[FeatureRow | None]] = {}
        self._worker: asyncio.Task[None] | None = None

    async def read(self, household_id: int) -> FeatureRow | None:
        """The features of one household; None if the online store does not know it.

        Raises:
            WarehouseError: the warehouse is away, or has no table online.customer_features.
        """
        future = self._waiting.get(household_id)
        if future is None:
            future = self._waiting[household_id] = asyncio.get_running_loop().create_future()
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())
        # A request that is cancelled must not take the answer away from those who share it.
        return await asyncio.shield(future)

    async def _work(self) -> None:
        try:
            while self._waiting:
                taken = dict(list(self._waiting.items())[:_BATCH_MAX])
                for household_id in taken:
                    del self._waiting[household_id]
                await self._answer(taken)
        finally:
            self._worker = None

    async def _answer(self, taken: dict[int, asyncio.Future[FeatureRow | None]]) -> None:
        try:
            rows = await self._database.fetch_all(SQL, (list(taken),))
            found = {row["household_id"]: parse_row(row) for row in rows}
        except Exception as error:
            for future in taken.values():
                future.set_exception(error)
                future.exception()  # marks it as seen, in case every asker has gone
            return
        for household_id, future in taken.items():
            future.set_result(found.get(household_id))


def parse_row(row: dict[str, Any]) -> FeatureRow:
    """Split a row of the online store into its date and its features; NaN becomes None."""
    features = {
        name: None if value is None or value != value else float(value)
        for name, value in row.items()
        if name not in _KEYS
    }
    return FeatureRow(row["as_of_date"], features)
