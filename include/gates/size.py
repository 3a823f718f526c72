"""Every worker of the model server holds the file in memory."""

from __future__ import annotations

from include.gates.result import GateResult
from include.settings.gates import SizeGate


def check_size(size_bytes: int, limits: SizeGate) -> GateResult:
    """Limit the bytes of the served file."""
    return GateResult(
        name="size",
        is_passed=size_bytes <= limits.max_bytes,
        observed=float(size_bytes),
        threshold=float(limits.max_bytes),
        reason=f"the ONNX file has {size_bytes:,} bytes, {limits.max_bytes:,} are allowed",
        severity=limits.severity,
    )
