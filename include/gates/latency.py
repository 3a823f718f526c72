"""An answer has to come in time."""

from __future__ import annotations

from include.evaluation.latency import LatencyEvidence
from include.gates.result import GateResult, keep_finite
from include.settings.gates import LatencyGate


def check_latency(evidence: LatencyEvidence, limits: LatencyGate) -> GateResult:
    """Limit the median time for one row."""
    return GateResult(
        name="latency",
        is_passed=evidence.median_ms <= limits.max_ms,
        observed=keep_finite(evidence.median_ms),
        threshold=limits.max_ms,
        reason=(
            f"one row takes {evidence.median_ms:.3g} ms in the median of {evidence.calls}, "
            f"{evidence.high_ms:.3g} ms at the 95th percentile; {limits.max_ms:g} ms are allowed in the median"
        ),
        severity=limits.severity,
    )
