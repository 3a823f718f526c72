"""The gate on what a model is worth."""

from __future__ import annotations

import pytest

from include.evaluation.value import ValueEvidence
from include.gates.value import check_value
from include.settings.gates import ValueGate

LIMITS = ValueGate(gains={}, min_gain=0.1, when_unclear="refuse", severity="advisory")
NAN = float("nan")


@pytest.mark.parametrize(
    ("gain", "high", "is_passed", "is_clear", "severity"),
    [
        (0.3, 0.4, True, True, "advisory"),
        (0.1, 0.2, True, True, "advisory"),
        (0.05, 0.12, False, False, "blocking"),
        (-0.2, 0.09, False, True, "advisory"),
        (NAN, NAN, False, True, "advisory"),
    ],
)
def test_it_has_to_earn_more_than_the_best_of_the_others(
    gain: float, high: float, is_passed: bool, is_clear: bool, severity: str
) -> None:
    evidence = ValueEvidence(1.0, {"acting on no row": 0.0, "acting by wear alone": 0.7}, "acting by wear alone",
                             gain, gain - 0.1, high, 400)  # fmt: skip
    result = check_value(evidence, LIMITS)
    assert (result.is_passed, result.is_clear, result.severity) == (is_passed, is_clear, severity)
    assert "than acting by wear alone" in result.reason
    assert "acting on no row +0" in result.reason
