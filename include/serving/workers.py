"""Threads beside the event loop: for versions that are under test, slow ones, and large batches."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from include.rollout.stats import Variant
from include.serving.loader import ServedModel

Rows = Sequence[Mapping[str, Any]]
Result = TypeVar("Result")

# A champion, a challenger and two staged versions, and one that is on its way out.
_THREADS_MAX: Final = 5


def run_timed(model: ServedModel, rows: Rows) -> tuple[Any, float]:
    """The model's predictions and its milliseconds, measured where it runs: waiting for the thread is left out."""
    began_at = time.perf_counter()
    return model.predict(rows), (time.perf_counter() - began_at) * 1000


class WorkerPool:
    """One thread for each version of one model in its variant: a slow one delays its own requests only."""

    def __init__(self, model_name: str) -> None:
        self._model_name = model_name
        self._threads: dict[tuple[Variant, int], ThreadPoolExecutor] = {}

    async def run(
        self, variant: Variant, model: ServedModel, rows: Rows, deadline_ms: float | None = None
    ) -> tuple[Any, float]:
        """Run a version in its thread (see :func:`run_timed`).

        Raises:
            TimeoutError: no answer within the deadline; what had not begun by then never begins.
        """
        thread = self._take(variant, model.version)
        running = asyncio.get_running_loop().run_in_executor(thread, run_timed, model, rows)
        # Unlike wait_for, this takes an answer that came in time although the event loop woke up late.
        await asyncio.wait({running}, timeout=None if deadline_ms is None else deadline_ms / 1000)
        if not running.done():
            running.cancel()
            raise TimeoutError(f"no answer within {deadline_ms:g} ms")
        return running.result()

    def close(self) -> None:
        """Let go of the threads without waiting for them."""
        for thread in self._threads.values():
            thread.shutdown(wait=False)
        self._threads.clear()

    def _take(self, variant: Variant, version: int) -> ThreadPoolExecutor:
        """The version's thread, newest last; the one that was idle for longest makes room."""
        key = (variant, version)
        thread = self._threads.pop(key, None) or ThreadPoolExecutor(1, f"{self._model_name}-{variant}-{version}")
        self._threads[key] = thread
        if len(self._threads) > _THREADS_MAX:
            self._threads.pop(next(iter(self._threads))).shutdown(wait=False)
        return thread


def run_in_daemon_thread(work: Callable[[], Result], name: str) -> asyncio.Future[Result]:
    """What ``work`` returns or raises; unlike a pool's thread, this one does not hold up the end of the process."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def report(finish: Callable[[Any], None], value: Any) -> None:
        # The loop is closed when the server ended before the work did.
        if not loop.is_closed():
            loop.call_soon_threadsafe(lambda: None if future.done() else finish(value))

    def run() -> None:
        try:
            result = work()
        except Exception as error:
            report(future.set_exception, error)
        else:
            report(future.set_result, result)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future
