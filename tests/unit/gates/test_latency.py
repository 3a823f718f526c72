"""The gate on the time for one row."""

from __future__ import annotations

import pytest

from include.evaluation.latency import LatencyEvidence
from include.gates.latency import check_latency
from include.settings.gates import LatencyGate


@pytest.mark.parametrize(("median", "is_passed"), [(0.02, True), (5.0, True), (5.1, False), (float("nan"), False)])
def test_the_median_is_limited_and_not_the_rare_slow_call(median: float, is_passed: bool) -> None:
    result = check_latency(LatencyEvidence(median, 80.0, 300), LatencyGate(max_ms=5, severity="blocking"))
    assert result.is_passed is is_passed
    assert "80 ms at the 95th percentile" in result.reason
