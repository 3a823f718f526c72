"""A probability that is not as high as it says, or a biased forecast, misleads whoever acts on it."""

from __future__ import annotations

from include.evaluation.calibration import CalibrationEvidence
from include.gates.result import GateResult, settle
from include.settings.gates import CalibrationGate


def check_calibration(evidence: CalibrationEvidence, limits: CalibrationGate) -> GateResult:
    """Limit the calibration error; it is too large only if the low end of its interval is."""
    return settle(
        "calibration",
        limits,
        is_met=evidence.error <= limits.max_error,
        is_possible=evidence.low <= limits.max_error,
        observed=evidence.error,
        threshold=limits.max_error,
        reason=(
            f"the {evidence.title} is {evidence.error:.4f} on {evidence.rows} rows (95 % interval {evidence.low:.4f} "
            f"to {evidence.high:.4f}), {limits.max_error:g} is allowed"
        ),
    )
