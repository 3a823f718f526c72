"""What a gate says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from include.settings.gates import Severity

ResultSeverity = Severity | Literal["ask"]


@dataclass(frozen=True)
class GateResult:
    """One gate's answer.

    Attributes:
        observed: the figure that was judged; None when it could not be measured.
        severity: when it fails, 'blocking' refuses the candidate, 'advisory' keeps it in staging, and 'ask'
            leaves it to the person who approves.
    """

    name: str
    is_passed: bool
    observed: float | None
    threshold: float
    reason: str
    severity: ResultSeverity
