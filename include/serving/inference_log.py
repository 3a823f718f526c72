"""Every answer of every model, written to ``serving.inference_log`` in the background."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, Final, TypedDict

import msgspec

from include.errors import WarehouseError
from include.rollout.stats import Variant
from include.serving.warehouse_pool import RowsRefusedError, WarehousePool
from include.warehouse.jsonb import to_jsonb

SQL: Final = """
insert into serving.inference_log
    (at, request_id, model_name, model_version, variant, keys, as_of_date, features, prediction, answer, latency_ms,
    is_error, error, batch_id)
select * from jsonb_to_recordset(%s::jsonb) as row (
    at timestamptz, request_id text, model_name text, model_version int, variant text, keys jsonb, as_of_date date,
    features jsonb, prediction double precision, answer jsonb, latency_ms double precision, is_error boolean,
    error text, batch_id text
)
"""
# Encoding a chunk holds the event loop for about a millisecond.
_CHUNK_ROWS: Final = 200


class InferenceRow(TypedDict):
    """One answer, or one failure, of one variant; ``at`` and ``as_of_date`` are ISO 8601, ``at`` with its zone.

    ``as_of_date`` is the day of the features in the online store; None where the request brought the features.
    """

    at: str
    request_id: str
    model_name: str
    model_version: int
    variant: Variant
    keys: Mapping[str, int | str] | None
    as_of_date: str | None
    features: Mapping[str, Any]
    prediction: float | None
    answer: Mapping[str, Any] | None
    latency_ms: float
    is_error: bool
    error: str | None
    batch_id: str | None


class InferenceLog:
    """A bounded queue with one writer; appending never waits, and what does not fit is counted as dropped.

    A chunk whose connection broke during the write is written again, so a row may appear twice after
    an outage, but none is lost to it.
    """

    def __init__(
        self,
        pool: WarehousePool,
        flush_interval_s: float,
        capacity: int,
        on_first_log: Callable[[str], None] | None = None,
    ) -> None:
        """``on_first_log`` is called once for each model, with its name, on another thread."""
        self._pool = pool
        self._flush_interval_s = flush_interval_s
        self._capacity = capacity
        self._on_first_log = on_first_log
        self._told: set[str] = set()
        self._telling: set[asyncio.Task[None]] = set()
        self._rows: deque[InferenceRow] = deque()
        self.dropped = 0
        self.written = 0
        self.last_error = ""

    @property
    def waiting(self) -> int:
        """Rows that are not written yet."""
        return len(self._rows)

    def append(self, row: InferenceRow) -> None:
        """Queue one row; beyond the capacity it is dropped and counted. Rows of a shadow have half of it."""
        if len(self._rows) >= (self._capacity // 2 if row["variant"] == "shadow" else self._capacity):
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
                await self._write(chunk)
            except WarehouseError as error:
                self.last_error = str(error)
                return
            for _ in chunk:
                self._rows.popleft()

    async def _write(self, chunk: Sequence[InferenceRow]) -> None:
        """Write rows; where some are refused, halve the chunk, so that only those are dropped."""
        try:
            await self._pool.execute(SQL, (encode_rows(chunk),))
        except (RowsRefusedError, ValueError, TypeError) as error:
            if len(chunk) == 1:
                self.dropped += 1
                self.last_error = str(error)
                return
            middle = len(chunk) // 2
            await self._write(chunk[:middle])
            await self._write(chunk[middle:])
            return
        self.written += len(chunk)
        if self._on_first_log is not None:
            for name in {row["model_name"] for row in chunk} - self._told:
                self._told.add(name)
                task = asyncio.create_task(self._tell(self._on_first_log, name))
                self._telling.add(task)
                task.add_done_callback(self._telling.discard)

    async def _tell(self, tell: Callable[[str], None], model_name: str) -> None:
        """Tell of a model's first rows; who is told may fail or take its time, the log goes on."""
        try:
            await asyncio.to_thread(tell, model_name)
        except Exception as error:
            self.last_error = f"telling of the first rows of {model_name} failed: {error}"


def encode_rows(rows: Sequence[InferenceRow]) -> str:
    """Rows as the JSON array that the insert statement unpacks; a number that is none becomes null.

    A tenth of the time of the standard library's encoder, which shares the event loop with the answers.
    """
    try:
        return msgspec.json.encode(rows).decode()
    except (ValueError, TypeError):
        # A half of a character, a number of numpy.
        return to_jsonb(rows) or ""
