"""What serves is the ONNX form: it must answer like the model."""

from __future__ import annotations

from include.gates.result import GateResult
from include.settings.gates import ParityGate


def check_parity(difference: float, limits: ParityGate) -> GateResult:
    """Limit the largest difference between the model and its ONNX form on the test rows.

    Args:
        difference: in probability, or in standard deviations of the label (see ``include.registry.onnx``).
    """
    return GateResult(
        name="parity",
        is_passed=difference <= limits.max_difference,
        observed=difference,
        threshold=limits.max_difference,
        reason=f"the ONNX form differs by at most {difference:.2g}, {limits.max_difference:g} is allowed",
        severity=limits.severity,
    )
