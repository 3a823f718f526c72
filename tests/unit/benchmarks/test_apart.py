"""Work in a process of its own answers with its result and its own memory, and says when it fails."""

from __future__ import annotations

import sys

import pytest

from benchmarks.apart import run_apart
from benchmarks.catalog import BenchmarkError


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system counts the parent's memory, too")
def test_its_memory_is_its_own_and_not_that_of_who_starts_it() -> None:
    held = bytearray(b"x") * 600_000_000

    found, peak_mb = run_apart(double, 4, add=1)

    assert found == 9
    assert 0 < peak_mb < len(held) / 1e6


def test_a_failure_stops_the_benchmark() -> None:
    with pytest.raises(BenchmarkError, match="double failed"):
        run_apart(double, None)  # type: ignore[arg-type]


def double(number: int, add: int = 0) -> int:
    return 2 * number + add
