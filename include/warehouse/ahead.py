"""Does the next piece of work while the last one is being used."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from contextvars import copy_context
from functools import partial
from itertools import repeat
from typing import TypeVar

ResultT = TypeVar("ResultT")


def work_ahead(pieces: Iterable[Callable[[], ResultT]]) -> Generator[ResultT]:
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


def iterate_ahead(items: Iterator[ResultT]) -> Generator[ResultT]:
    """The items, none of them None, each made in a thread while the one before is being used.

    Closing this closes a generator that it was given.
    """
    following = repeat(partial(next, items, None))
    try:
        with closing(work_ahead(following)) as made:
            for item in made:
                if item is None:
                    return
                yield item
    finally:
        close = getattr(items, "close", None)
        if close is not None:
            close()
