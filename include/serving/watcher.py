"""Keeps the models in step with ``serving.rollouts``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from include.rollout.state import COLUMNS, RolloutState
from include.serving.model_store import ModelStore
from include.serving.warehouse_pool import WarehousePool

log = logging.getLogger(__name__)

SQL: Final = f"select {COLUMNS} from serving.rollouts order by model_name"


class RolloutWatcher:
    """Reads the rollouts of all models at every interval; while the warehouse is away, the last ones stand."""

    def __init__(
        self, pool: WarehousePool, read_stores: Callable[[], Awaitable[Mapping[str, ModelStore]]], interval_s: float
    ) -> None:
        """``read_stores`` gives the stores of the models that are declared at the moment of a look."""
        self._pool = pool
        self._read_stores = read_stores
        self._stores: Mapping[str, ModelStore] = {}
        self._interval_s = interval_s
        self._undeclared: set[str] = set()
        self._failure = ""
        self.is_reachable = False
        self.has_looked = False

    async def run(self) -> None:
        """Look at every interval, until this task is cancelled; nothing else ends it."""
        while True:
            try:
                await self.look()
            except (Exception, asyncio.CancelledError) as error:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                self._report_failure(error)
            else:
                self._failure = ""
            await asyncio.sleep(self._interval_s)

    async def look(self) -> None:
        """Read the rollouts once and have each store follow its own."""
        self._stores = await self._read_stores()
        try:
            rows = await self._pool.fetch_all(SQL, ())
        except Exception as error:  # whatever it is, the next look may go well
            self.is_reachable = False
            for store in self._stores.values():
                store.note_no_rollout(str(error))
            return
        states = {row["model_name"]: RolloutState(**row) for row in rows}
        for name, store in self._stores.items():
            if name in states:
                store.follow(states[name])
            else:
                store.note_no_rollout(f"model {name!r} has no champion in serving.rollouts yet: deploy one")
        self.is_reachable = self.has_looked = True
        self._report_undeclared(states)

    def _report_failure(self, error: BaseException) -> None:
        """Log once that a look came to no end; the next one may."""
        self.is_reachable = False
        failure = f"{type(error).__name__}: {error}"
        if failure != self._failure:
            log.error("The rollouts could not be followed: %s. The next look follows.", failure, exc_info=error)
        self._failure = failure

    def _report_undeclared(self, states: Mapping[str, RolloutState]) -> None:
        """Log once which rollouts belong to no declared model."""
        for name in states.keys() - self._stores.keys() - self._undeclared:
            state = states[name]
            canary = (
                "" if state.challenger_version is None else f", with a canary of version {state.challenger_version}"
            )
            log.warning(
                "Model %r is not served: serving.rollouts has its champion version %s%s, but no file of "
                "include/config/models declares it. Restore the file, or leave its records as they are.",
                name, state.champion_version, canary,
            )  # fmt: skip
        self._undeclared = set(states.keys() - self._stores.keys())
