"""The gate against the one-feature rule."""

from __future__ import annotations

import pytest

from include.gates.baseline import check_baseline
from include.settings.gates import GainGate

LIMITS = GainGate(min_auc_gain=0.01, severity="blocking")


@pytest.mark.parametrize(
    ("auc", "is_passed"), [(0.86, True), (0.851, True), (0.849, False), (0.84, False), (0.7, False)]
)
def test_it_asks_for_a_gain(auc: float, is_passed: bool) -> None:
    result = check_baseline(auc, 0.84, "orders_56d", LIMITS)
    assert result.is_passed is is_passed
    assert result.observed == pytest.approx(auc - 0.84)
    assert (result.threshold, result.severity) == (0.01, "blocking")
    assert "orders_56d" in result.reason


def test_what_is_not_a_number_does_not_pass() -> None:
    assert not check_baseline(float("nan"), 0.84, "orders_56d", LIMITS).is_passed
