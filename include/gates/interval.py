"""Even in a bad draw of customers the model must be good enough."""

from __future__ import annotations

from include.gates.result import GateResult
from include.settings.gates import IntervalGate


def check_interval(auc_low: float, limits: IntervalGate) -> GateResult:
    """Ask that the low end of the AUC's 95 % interval reaches a floor."""
    return GateResult(
        name="interval",
        is_passed=auc_low >= limits.min_auc_low,
        observed=auc_low,
        threshold=limits.min_auc_low,
        reason=f"the 95 % interval of the AUC begins at {auc_low:.4f}, {limits.min_auc_low:.4f} is asked",
        severity=limits.severity,
    )
