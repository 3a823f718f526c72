"""Copies of the champion's questions for a challenger in shadow: nobody waits for its answers, and nobody gets them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from include.serving.feature_reader import FeatureReader, OnlineStore
from include.serving.loader import ServedModel
from include.serving.model_store import ModelStore, Routing
from include.serving.questions import Item
from include.serving.recorder import PredictionRecorder
from include.serving.request_check import RequestCheck
from include.serving.router import is_for_challenger
from include.serving.workers import run_in_daemon_thread, run_timed
from include.settings.rollout import ServerSettings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Copy:
    """Rows that the champion has answered together, for one version to answer once more."""

    version: int
    model: ServedModel | None
    failure: str | None
    check: RequestCheck
    is_looked_up: bool
    items: Sequence[Item]


class ShadowCopier:
    """A bounded queue with one reader and, at any moment, at most one thread, in which the challenger runs.

    Rows that find no room are dropped and counted. While the challenger hangs, nothing further is begun, so that
    neither threads nor tasks pile up.
    """

    def __init__(
        self, name: str, store: ModelStore, online: OnlineStore, recorder: PredictionRecorder, settings: ServerSettings
    ) -> None:
        """``online`` is read for a challenger that needs other tables than the champion; it shares no connection."""
        self._name = name
        self._store = store
        self._online = online
        self._recorder = recorder
        self._capacity = settings.shadow_capacity
        self._deadline_ms = settings.shadow_deadline_ms
        self._waiting: deque[Copy] = deque()
        self._rows = 0
        self._has_work = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None
        self._version: int | None = None
        self._reader: tuple[str, FeatureReader] | None = None
        self._trouble = ""
        self.dropped = 0

    @property
    def waiting(self) -> int:
        """Rows that are not answered yet."""
        return self._rows

    def offer(self, champion: ServedModel, items: Sequence[Item]) -> None:
        """Queue a share of what the champion has just answered; it never waits and never raises."""
        routing = self._store.routing
        if not routing.is_shadowed:
            return
        try:
            copy = self._choose(routing, champion, items)
            if copy is not None and copy.items:
                self._put(copy)
        except Exception as error:  # the champion's answer must not depend on it
            self.dropped += len(items)
            self._note_trouble(error)

    def close(self) -> None:
        """End the reader; a thread that hangs is left behind, and does not hold up the end of the process."""
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
        self.dropped += self._rows
        self._waiting.clear()
        self._rows = 0

    def _choose(self, routing: Routing, champion: ServedModel, items: Sequence[Item]) -> Copy | None:
        """The rows of the share: of entities chosen by their keys, as in a canary, that the challenger can read."""
        version, model, check = routing.challenger_version or 0, routing.challenger, routing.check
        if check is None or (model is None and routing.challenger_failure is None):
            return None
        chosen = [item for item in items if is_for_challenger(_find_sticky_key(item), version, routing.shadow_share)]
        if model is not None:
            chosen = [
                item
                for item in chosen
                if (check.is_key_shared if item.keys is not None else check.fits_challenger(item.features))
            ]
        is_looked_up = model is None or model.lookup_sql == champion.lookup_sql
        return Copy(version, model, routing.challenger_failure, check, is_looked_up, chosen)

    def _put(self, copy: Copy) -> None:
        if copy.version != self._version:
            # What hangs there is another version's, which nobody asks any more.
            self.close()
            self._version = copy.version
        if self._rows + len(copy.items) > self._capacity:
            self.dropped += len(copy.items)
            return
        self._waiting.append(copy)
        self._rows += len(copy.items)
        self._has_work.set()
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_queue())

    async def _read_queue(self) -> None:
        while True:
            await self._has_work.wait()
            while self._waiting:
                copy = self._waiting.popleft()
                self._rows -= len(copy.items)
                try:
                    await self._answer(copy)
                except Exception as error:  # the next copy may go well
                    self._note_trouble(error)
            self._has_work.clear()

    async def _answer(self, copy: Copy) -> None:
        """Have the challenger answer, and record what it said, or that it failed."""
        items, began_at = copy.items, time.perf_counter()
        if copy.model is None:
            self._note_failures(copy, items, 0.0, copy.failure or "is not loaded")
            return
        model = copy.model
        try:
            async with asyncio.timeout(self._deadline_ms / 1000):
                items = items if copy.is_looked_up else await self._look_up(copy, model)
        except TimeoutError:
            self._note_failures(copy, items, self._deadline_ms, f"no features within {self._deadline_ms:g} ms")
            return
        except Exception as error:
            self._note_failures(copy, items, _since_ms(began_at), _describe(error))
            return
        rows = [item.features for item in items]
        running = run_in_daemon_thread(lambda: run_timed(model, rows), f"{self._name}-shadow-{copy.version}")
        left_s = max(self._deadline_ms - _since_ms(began_at), 0.0) / 1000
        await asyncio.wait({running}, timeout=left_s)
        if not running.done():
            self._note_failures(copy, items, self._deadline_ms, f"no answer within {self._deadline_ms:g} ms")
            with suppress(Exception):
                await running
            return
        try:
            predictions, run_ms = running.result()
            self._recorder.note_answers(model, "shadow", items, predictions, run_ms)
        except Exception as error:
            self._note_failures(copy, items, _since_ms(began_at), _describe(error))

    async def _look_up(self, copy: Copy, model: ServedModel) -> list[Item]:
        """The rows with the challenger's own features, where it reads other tables than the champion."""
        sql = model.lookup_sql
        if self._reader is None or self._reader[0] != sql:
            self._reader = (sql, FeatureReader(self._online, model.contract))
        reader, began_at = self._reader[1], time.perf_counter()
        keyed = [item for item in copy.items if item.keys is not None]
        found = await asyncio.gather(*(reader.read(copy.check.read_keys(item.keys or {})) for item in keyed))
        rows = dict(zip(map(id, keyed), found, strict=True))
        lookup_ms = _since_ms(began_at)
        items = []
        for item in copy.items:
            row = rows.get(id(item))
            own: Any = {} if row is None else {"features": row.features, "as_of_date": row.as_of_date}
            items.append(replace(item, lookup_ms=lookup_ms, **own) if id(item) in rows else item)
        return items

    def _note_failures(self, copy: Copy, items: Sequence[Item], run_ms: float, reason: str) -> None:
        self._recorder.note_failures(copy.version, "shadow", items, run_ms, reason)

    def _note_trouble(self, error: Exception) -> None:
        trouble = f"{type(error).__name__}: {error}"
        if trouble != self._trouble:
            log.warning("The shadow of model %r goes on after a fault: %s", self._name, trouble, exc_info=error)
        self._trouble = trouble


def _find_sticky_key(item: Item) -> str:
    """See ``Question.sticky_key``."""
    return item.request_id if item.keys is None else "\x1f".join(map(str, item.keys.values()))


def _since_ms(began_at: float) -> float:
    return (time.perf_counter() - began_at) * 1000


def _describe(error: Exception) -> str:
    return str(error).strip() or type(error).__name__
