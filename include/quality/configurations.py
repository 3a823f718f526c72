"""Great Expectations derives an expectation's configuration anew each time that it reads it: 60 times a validation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def keep_configurations() -> Iterator[None]:
    """Derive the configuration of each expectation object once for the length of the block.

    A validation changes no expectation, so its configuration stays the same. Deriving it is half of the time
    that the validation of a day takes. For one thread at a time: the class is changed for the block.
    """
    from great_expectations.expectations.expectation import Expectation

    derive = Expectation.__dict__["configuration"]
    kept: dict[int, tuple[Expectation, Any]] = {}

    def read(expectation: Expectation) -> Any:
        # The expectation is kept beside its configuration, so that its id is not given to another one.
        if id(expectation) not in kept:
            kept[id(expectation)] = (expectation, derive.fget(expectation))
        return kept[id(expectation)][1]

    Expectation.configuration = property(read)
    try:
        yield
    finally:
        Expectation.configuration = derive
