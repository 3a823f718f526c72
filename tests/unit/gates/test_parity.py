"""The gate on the ONNX form."""

from __future__ import annotations

import pytest

from include.gates.parity import check_parity
from include.settings.gates import ParityGate

LIMITS = ParityGate(max_difference=1e-4, severity="blocking")


@pytest.mark.parametrize(
    ("difference", "is_passed"), [(0.0, True), (1e-4, True), (1.1e-4, False), (float("nan"), False)]
)
def test_a_form_that_answers_differently_does_not_pass(difference: float, is_passed: bool) -> None:
    result = check_parity(difference, LIMITS)
    assert (result.is_passed, result.threshold, result.severity) == (is_passed, 1e-4, "blocking")


def test_the_reason_names_both_numbers() -> None:
    assert check_parity(0.02, LIMITS).reason == "the ONNX form differs by at most 0.02, 0.0001 is allowed"
