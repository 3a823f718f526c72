"""The gate on calibration."""

from __future__ import annotations

import pytest

from include.evaluation.calibration import CalibrationEvidence
from include.gates.calibration import check_calibration
from include.settings.gates import CalibrationGate

LIMITS = CalibrationGate(max_error=0.05, when_unclear="ask", severity="blocking")
NAN = float("nan")


@pytest.mark.parametrize(
    ("error", "low", "is_passed", "is_clear"),
    [
        (0.01, 0.0, True, True),
        (0.05, 0.04, True, True),
        (0.06, 0.04, False, False),
        (0.09, 0.051, False, True),
        (NAN, NAN, False, True),
    ],
    ids=["low", "at the limit", "perhaps", "surely", "no number"],
)
def test_only_what_is_surely_too_large_fails(error: float, low: float, is_passed: bool, is_clear: bool) -> None:
    result = check_calibration(CalibrationEvidence("calibration error", error, low, error + 0.02, 900), LIMITS)
    assert (result.is_passed, result.is_clear) == (is_passed, is_clear)
    assert result.severity == ("blocking" if is_clear else "ask")
    assert result.observed == (None if error != error else error)
    assert "calibration error" in result.reason
