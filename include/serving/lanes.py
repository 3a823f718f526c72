"""Threads for the versions that nobody vouches for yet."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from include.rollout.stats import Variant
from include.serving.loader import ServedModel

Rows = Sequence[Mapping[str, float | None]]

# A challenger and two staged versions, and one that is on its way out.
_LANES_MAX: Final = 4


def run_timed(model: ServedModel, rows: Rows) -> tuple[list[float], float]:
    """The model's answers and its milliseconds, measured where it runs: a queue is not the model's fault."""
    began_at = time.perf_counter()
    return model.predict(rows), (time.perf_counter() - began_at) * 1000


class Lanes:
    """One thread for each version in its variant: a slow one delays its own requests and nobody else's."""

    def __init__(self) -> None:
        self._lanes: dict[tuple[Variant, int], ThreadPoolExecutor] = {}

    async def run(
        self, variant: Variant, model: ServedModel, rows: Rows, deadline_ms: float | None = None
    ) -> tuple[list[float], float]:
        """Run a version in its thread (see :func:`run_timed`).

        Raises:
            TimeoutError: no answer within the deadline; what had not begun by then never begins.
        """
        lane = self._take(variant, model.version)
        running = asyncio.get_running_loop().run_in_executor(lane, run_timed, model, rows)
        # Unlike wait_for, this takes an answer that came in time although the event loop woke up late.
        await asyncio.wait({running}, timeout=None if deadline_ms is None else deadline_ms / 1000)
        if not running.done():
            running.cancel()
            raise TimeoutError(f"no answer within {deadline_ms:g} ms")
        return running.result()

    def close(self) -> None:
        """Let go of the threads without waiting for them."""
        for lane in self._lanes.values():
            lane.shutdown(wait=False)
        self._lanes.clear()

    def _take(self, variant: Variant, version: int) -> ThreadPoolExecutor:
        """The version's thread, newest last; the one that was idle for longest makes room."""
        lane = self._lanes.pop((variant, version), None) or ThreadPoolExecutor(1, f"{variant}-{version}")
        self._lanes[variant, version] = lane
        if len(self._lanes) > _LANES_MAX:
            self._lanes.pop(next(iter(self._lanes))).shutdown(wait=False)
        return lane
