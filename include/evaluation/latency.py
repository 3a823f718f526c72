"""How long the served form takes for one row."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from include.evaluation.candidate import Candidate

CALLS: Final = 300
WARM_UP: Final = 20


@dataclass(frozen=True)
class LatencyEvidence:
    """Milliseconds for one row, features given, on one thread: the median, which other work on the machine moves
    little, and the 95th percentile.
    """

    median_ms: float
    high_ms: float
    calls: int


def measure_latency(candidate: Candidate, clock: Callable[[], float] = time.perf_counter) -> LatencyEvidence:
    """Ask for one test row at a time.

    Args:
        clock: seconds.
    """
    import numpy as np

    onnx = candidate.onnx
    matrix = candidate.data.test.matrix.select(onnx.contract.feature_names)
    rows = [matrix.take([at % len(matrix)]) for at in range(WARM_UP + CALLS)]
    seconds = []
    for row in rows:
        began_at = clock()
        onnx.predict(row)
        seconds.append(clock() - began_at)
    median, high = np.percentile(np.array(seconds[WARM_UP:]) * 1000, (50, 95))
    return LatencyEvidence(float(median), float(high), CALLS)
