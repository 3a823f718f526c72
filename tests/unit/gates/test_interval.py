"""The gate on the low end of the AUC's interval."""

from __future__ import annotations

import pytest

from include.gates.interval import check_interval
from include.settings.gates import IntervalGate


@pytest.mark.parametrize(("auc_low", "is_passed"), [(0.84, True), (0.7, True), (0.699, False), (float("nan"), False)])
def test_an_interval_that_begins_too_low_does_not_pass(auc_low: float, is_passed: bool) -> None:
    result = check_interval(auc_low, IntervalGate(min_auc_low=0.7, severity="blocking"))
    assert (result.is_passed, result.threshold) == (is_passed, 0.7)
    assert "0.7000 is asked" in result.reason
