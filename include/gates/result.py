"""What a gate says."""

from __future__ import annotations

from dataclasses import dataclass

from include.settings.gates import Severity


@dataclass(frozen=True)
class GateResult:
    """One gate's answer.

    Attributes:
        observed: the figure that was judged; None when it could not be measured.
        severity: 'blocking' refuses the candidate when it fails, 'advisory' keeps it in staging.
    """

    name: str
    is_passed: bool
    observed: float | None
    threshold: float
    reason: str
    severity: Severity
