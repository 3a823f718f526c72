"""Figures that rest on few rows are chance."""

from __future__ import annotations

from include.gates.result import GateResult
from include.settings.gates import EvidenceGate


def check_evidence(count: int, title: str, limits: EvidenceGate) -> GateResult:
    """Ask for enough rows in the test.

    Args:
        count: rows of the smallest class, or all rows for regression.
        title: what was counted, in words.
    """
    return GateResult(
        name="evidence",
        is_passed=count >= limits.min_test_count,
        observed=float(count),
        threshold=float(limits.min_test_count),
        reason=f"{count} {title} in the test, {limits.min_test_count} are asked",
        severity=limits.severity,
    )
