"""Even in a bad draw of rows the model must be good enough."""

from __future__ import annotations

from include.gates.result import GateResult
from include.settings.gates import IntervalGate


def check_interval(score_low: float, title: str, limits: IntervalGate) -> GateResult:
    """Ask that the low end of the score's 95 % interval reaches a floor."""
    return GateResult(
        name="interval",
        is_passed=score_low >= limits.min_score_low,
        observed=score_low,
        threshold=limits.min_score_low,
        reason=f"the 95 % interval of the {title} begins at {score_low:.4f}, {limits.min_score_low:.4f} is asked",
        severity=limits.severity,
    )
