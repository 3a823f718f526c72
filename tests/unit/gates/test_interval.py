"""The gate on the low end of the score's interval."""

from __future__ import annotations

import pytest

from include.gates.interval import check_interval
from include.settings.gates import IntervalGate


@pytest.mark.parametrize(("low", "is_passed"), [(0.84, True), (0.7, True), (0.699, False), (float("nan"), False)])
def test_an_interval_that_begins_too_low_does_not_pass(low: float, is_passed: bool) -> None:
    result = check_interval(low, "AUC", IntervalGate(min_score_low=0.7, severity="blocking"))
    assert (result.is_passed, result.threshold) == (is_passed, 0.7)
    assert "interval of the AUC" in result.reason


@pytest.mark.parametrize(("low", "is_passed"), [(0.0, True), (-0.01, False)])
def test_a_forecast_that_may_be_worse_than_the_median_does_not_pass(low: float, is_passed: bool) -> None:
    result = check_interval(low, "D² absolute error", IntervalGate(min_score_low=0.0, severity="blocking"))
    assert result.is_passed is is_passed
