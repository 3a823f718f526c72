"""Does the next piece of work while the last one is being used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

ResultT = TypeVar("ResultT")


def work_ahead(pieces: Iterable[Callable[[], ResultT]]) -> Iterator[ResultT]:
    """The results of pieces of work in their order; one more than is asked for is made, in a thread.

    Work that waits for the database leaves this processor to whoever uses the results. Two results are held at a time.
    What a piece raises is raised where its result is asked for.
    """
    with ThreadPoolExecutor(1) as pool:
        ahead: Future[ResultT] | None = None
        for piece in pieces:
            # In the context of who asks: what is read is noted there.
            following = pool.submit(copy_context().run, piece)
            if ahead is not None:
                yield ahead.result()
            ahead = following
        if ahead is not None:
            yield ahead.result()
