"""The gate on what one feature alone knows."""

from __future__ import annotations

import pytest

from include.gates.leakage import check_leakage
from include.settings.gates import LeakageGate


@pytest.mark.parametrize(("auc", "is_passed"), [(0.84, True), (0.88, True), (0.89, False), (float("nan"), False)])
def test_a_feature_that_knows_too_much_does_not_pass_and_is_named(auc: float, is_passed: bool) -> None:
    result = check_leakage("next_order_days", auc, LeakageGate(max_single_feature_auc=0.88, severity="blocking"))
    assert (result.is_passed, result.threshold) == (is_passed, 0.88)
    assert "next_order_days" in result.reason
