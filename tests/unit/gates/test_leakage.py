"""The gate on what the model, and one feature alone, know."""

from __future__ import annotations

import pytest

from include.gates.leakage import check_leakage
from include.settings.gates import LeakageGate

LIMITS = LeakageGate(max_score=0.95, max_single_feature=0.88, severity="blocking")
NAN = float("nan")


@pytest.mark.parametrize(("score", "is_passed"), [(0.84, True), (0.88, True), (0.89, False), (NAN, False)])
def test_a_feature_that_knows_too_much_does_not_pass_and_is_named(score: float, is_passed: bool) -> None:
    result = check_leakage(0.9, "repaired_on", score, "AUC", LIMITS)
    assert (result.is_passed, result.threshold) == (is_passed, 0.88)
    assert result.observed == pytest.approx(score, nan_ok=True)
    assert "repaired_on" in result.reason


@pytest.mark.parametrize(("score", "is_passed"), [(0.95, True), (0.951, False), (NAN, False)])
def test_a_model_that_knows_too_much_does_not_pass(score: float, is_passed: bool) -> None:
    result = check_leakage(score, "wear", 0.8, "AUC", LIMITS)
    assert result.is_passed is is_passed
    assert is_passed or result.threshold == 0.95
    assert is_passed or result.observed == pytest.approx(score, nan_ok=True)
    assert "has an AUC of" in result.reason
