"""Every answer, written to ``serving.inference_log`` in the background."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import islice
from typing import Final, TypedDict

from include.errors import WarehouseError
from include.rollout.stats import Variant
from include.serving.database import Database, RowsRefusedError

SQL: Final = """
insert into serving.inference_log
    (at, request_id, model_name, model_version, variant, household_id, features, probability, latency_ms,
    is_error, error)
select * from jsonb_to_recordset(%s::jsonb) as row (
    at timestamptz, request_id text, model_name text, model_version int, variant text, household_id bigint,
    features jsonb, probability double precision, latency_ms double precision, is_error boolean, error text
)
"""
# Encoding a chunk holds the event loop for about a millisecond.
_CHUNK_ROWS: Final = 200


class InferenceRow(TypedDict):
    """One answer, or one failure, of one variant; ``at`` is ISO 8601 with its zone."""

    at: str
    request_id: str
    model_name: str
    model_version: int
    variant: Variant
    household_id: int | None
    features: dict[str, float | None]
    probability: float | None
    latency_ms: float
    is_error: bool
    error: str | None


class InferenceLog:
    """A bounded queue with one writer; appending never waits, and what does not fit is counted as dropped.

    A chunk whose connection broke during the write is written again, so a row may appear twice after
    an outage, but none is lost to it.
    """

    def __init__(
        self,
        database: Database,
        flush_interval_s: float,
        capacity: int,
        on_first_write: Callable[[], None] | None = None,
    ) -> None:
        self._database = database
        self._flush_interval_s = flush_interval_s
        self._capacity = capacity
        self._on_first_write = on_first_write
        self._rows: deque[InferenceRow] = deque()
        self.dropped = 0
        self.written = 0
        self.last_error = ""

    @property
    def waiting(self) -> int:
        """Rows that are not written yet."""
        return len(self._rows)

    def append(self, row: InferenceRow) -> None:
        """Queue one row; beyond the capacity it is dropped and counted."""
        if len(self._rows) >= self._capacity:
            self.dropped += 1
        else:
            self._rows.append(row)

    async def run(self, stop: asyncio.Event) -> None:
        """Write what is queued at every interval; once ``stop`` is set, write the rest and end."""
        while not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._flush_interval_s)
            await self.flush()

    async def flush(self) -> None:
        """Write all that is queued now; while the warehouse is away, keep it."""
        while self._rows:
            chunk = list(islice(self._rows, _CHUNK_ROWS))
            try:
                await self._database.execute(SQL, (encode_rows(chunk),))
                self.written += len(chunk)
            except (RowsRefusedError, ValueError, TypeError) as error:
                self.dropped += len(chunk)
                self.last_error = str(error)
            except WarehouseError as error:
                self.last_error = str(error)
                return
            for _ in chunk:
                self._rows.popleft()
            if self.written:
                await self._tell_first_write()

    async def _tell_first_write(self) -> None:
        """Tell once, on another thread, that there are rows now; who is told may fail, the log goes on."""
        tell, self._on_first_write = self._on_first_write, None
        if tell is None:
            return
        try:
            await asyncio.to_thread(tell)
        except Exception as error:
            self.last_error = f"telling of the first rows failed: {error}"


def encode_rows(rows: Sequence[InferenceRow]) -> str:
    """Rows as the JSON array that the insert statement unpacks."""
    return json.dumps(rows, allow_nan=False, separators=(",", ":"))
