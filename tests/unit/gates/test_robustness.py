"""The gate on robustness."""

from __future__ import annotations

import pytest

from include.evaluation.robustness import Damage, RobustnessEvidence
from include.gates.robustness import check_robustness
from include.settings.gates import RobustnessGate

LIMITS = RobustnessGate(
    noise=0.1, missing_share=0.1, outlier_share=0.01, unit_factor=2.2, shift=1.0, max_rows=100, max_loss=0.05,
    max_change=0.1, max_column_loss=0.2, max_column_change=0.5, severity="blocking",
)  # fmt: skip
NAN = float("nan")


def observe(*damages: Damage) -> RobustnessEvidence:
    return RobustnessEvidence(damages, "share of other answers", 100)


@pytest.mark.parametrize(
    ("damage", "is_passed"),
    [
        (Damage("noise", None, 0.05, 0.1), True),
        (Damage("noise", None, -0.3, 0.0), True),
        (Damage("noise", None, 0.051, 0.0), False),
        (Damage("noise", None, 0.0, 0.11), False),
        (Damage("a shift", "wear", 0.2, 0.5), True),
        (Damage("a shift", "wear", 0.21, 0.0), False),
        (Damage("a shift", "wear", 0.0, 0.51), False),
        (Damage("a shift", "wear", NAN, 0.0), False),
        (Damage("outliers", None, 0.0, NAN), False),
    ],
)
def test_loss_and_change_are_limited_for_all_columns_and_for_one(damage: Damage, is_passed: bool) -> None:
    fine = Damage("missing values", None, 0.01, 0.01)
    result = check_robustness(observe(fine, damage), LIMITS)
    assert result.is_passed is is_passed
    assert damage.kind in result.reason
    assert "wear" in result.reason or damage.column is None


def test_what_was_not_damaged_has_shown_nothing() -> None:
    result = check_robustness(observe(), LIMITS)
    assert (result.is_passed, result.observed) == (False, None)
