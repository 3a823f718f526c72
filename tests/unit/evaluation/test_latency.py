"""The time for one row, by a clock of the test's own."""

from __future__ import annotations

import itertools

import pytest

from include.evaluation.latency import CALLS, WARM_UP, measure_latency
from tests.model.candidates import train_good


def test_the_median_is_of_single_rows_after_the_warm_up() -> None:
    ticks = itertools.count()

    def clock() -> float:
        """The first calls take a second each, a tenth of the others ten milliseconds, the rest two."""
        call, is_end = divmod(next(ticks), 2)
        seconds = 1.0 if call < WARM_UP else 0.010 if call % 10 == 0 else 0.002
        return 100.0 * call + (seconds if is_end else 0.0)

    found = measure_latency(train_good("binary"), clock)
    assert found.calls == CALLS
    assert found.median_ms == pytest.approx(2.0)
    assert found.high_ms == pytest.approx(10.0)
