"""What a gate says: pass, fail, or too little to tell."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from include.settings.gates import MeasuredGate, Severity, WhenUnclear

ResultSeverity = Severity | Literal["ask", "note"]

_UNCLEAR: Final[Mapping[WhenUnclear, tuple[ResultSeverity, str]]] = {
    "pass": ("note", "the candidate goes on"),
    "ask": ("ask", "the person who approves decides"),
    "staging": ("advisory", "the candidate stays in staging"),
    "refuse": ("blocking", "the candidate is refused"),
}


@dataclass(frozen=True)
class GateResult:
    """One gate's answer.

    Attributes:
        observed: the figure that was judged; None when it could not be measured.
        threshold: None when there is none to compare with.
        severity: when it fails, 'blocking' refuses the candidate, 'advisory' keeps it in staging, 'ask'
            leaves it to the person who approves, and 'note' has no consequence.
        is_clear: False when there was too little to tell; then it is not passed either, and ``severity`` is what
            the settings say of such a case.
    """

    name: str
    is_passed: bool
    observed: float | None
    threshold: float | None
    reason: str
    severity: ResultSeverity
    is_clear: bool = True


def settle(
    name: str, limits: MeasuredGate, *, is_met: bool, is_possible: bool, observed: float | None, threshold: float,
    reason: str,
) -> GateResult:  # fmt: skip
    """Pass what meets its limit, fail what cannot meet it, and leave the rest to ``when_unclear``.

    Args:
        is_met: whether the figure itself meets the limit.
        is_possible: whether some value of its 95 % interval does, or whether nothing could be measured at all.
    """
    if is_met or not is_possible:
        return GateResult(name, is_met, keep_finite(observed), threshold, reason, limits.severity)
    severity, follows = _UNCLEAR[limits.when_unclear]
    reason = f"too little to tell: {reason}; {follows} (gates, {name}.when_unclear: {limits.when_unclear})"
    return GateResult(name, False, keep_finite(observed), threshold, reason, severity, is_clear=False)


def keep_finite(figure: float | None) -> float | None:
    """The figure, or None for what is no number."""
    return figure if figure is not None and math.isfinite(figure) else None
