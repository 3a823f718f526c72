"""Figures from few churners are luck."""

from __future__ import annotations

from include.gates.result import GateResult
from include.settings.gates import EvidenceGate


def check_evidence(test_positives: int, limits: EvidenceGate) -> GateResult:
    """Ask for enough churners among the test households."""
    return GateResult(
        name="evidence",
        is_passed=test_positives >= limits.min_test_positives,
        observed=float(test_positives),
        threshold=float(limits.min_test_positives),
        reason=f"{test_positives} churners among the test households, {limits.min_test_positives} are asked",
        severity=limits.severity,
    )
