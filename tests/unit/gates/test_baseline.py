"""The gate against the one-feature rule."""

from __future__ import annotations

from typing import Any

import pytest

from include.gates.baseline import check_baseline
from include.settings.gates import BaselineGate

NAN = float("nan")


def rule(gain: float, low: float = 0.0) -> dict[str, Any]:
    """A comparison with the rule."""
    return {"feature": "wear", "score": 0.84, "gain": gain, "gain_low": low, "gain_high": gain + 0.02}


@pytest.mark.parametrize(
    ("gain", "is_passed"), [(0.02, True), (0.01, True), (0.009, False), (0.0, False), (-0.1, False), (NAN, False)]
)
def test_it_asks_for_a_gain(gain: float, is_passed: bool) -> None:
    result = check_baseline(0.84 + gain, rule(gain), "AUC", BaselineGate(min_gain=0.01, severity="blocking"))
    assert result.is_passed is is_passed
    assert result.observed == pytest.approx(gain, nan_ok=True)
    assert (result.threshold, result.severity) == (0.01, "blocking")
    assert "AUC" in result.reason
    assert "wear alone" in result.reason


@pytest.mark.parametrize(("low", "is_passed"), [(0.01, True), (0.0, True), (-0.001, False), (NAN, False)])
def test_it_asks_for_the_low_end_of_the_gain_where_that_is_set(low: float, is_passed: bool) -> None:
    limits = BaselineGate(min_gain=0.0, min_gain_low=0.0, severity="blocking")
    result = check_baseline(0.4, rule(0.05, low), "D² absolute error", limits)
    assert result.is_passed is is_passed
    assert is_passed or result.observed == pytest.approx(low, nan_ok=True)
    assert "low end of the interval" in result.reason


def test_a_low_end_is_not_asked_for_where_it_is_not_set() -> None:
    assert check_baseline(0.9, rule(0.05, -0.3), "AUC", BaselineGate(min_gain=0.01, severity="blocking")).is_passed
