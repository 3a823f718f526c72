"""Keeps the models in step with ``serving.rollouts``."""

from __future__ import annotations

import asyncio
from typing import Final

from include.rollout.state import COLUMNS, RolloutState
from include.serving.database import Database
from include.serving.models import ModelStore

SQL: Final = f"select {COLUMNS} from serving.rollouts where model_name = %s"


class RolloutWatcher:
    """Reads the rollout at every interval; while the warehouse is away, the last one read stands."""

    def __init__(self, database: Database, store: ModelStore, model_name: str, interval_s: float) -> None:
        self._database = database
        self._store = store
        self._model_name = model_name
        self._interval_s = interval_s
        self.is_reachable = False

    async def run(self) -> None:
        """Look at every interval, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(self._interval_s)

    async def look(self) -> None:
        """Read the rollout once and have the store follow it."""
        try:
            rows = await self._database.fetch_all(SQL, (self._model_name,))
        except Exception as error:  # whatever it is, the next look may go well
            self.is_reachable = False
            self._store.note_no_rollout(str(error))
            return
        self.is_reachable = True
        if rows:
            self._store.apply(RolloutState(**rows[0]))
        else:
            self._store.note_no_rollout(
                f"model {self._model_name!r} has no champion in serving.rollouts yet: deploy one"
            )
