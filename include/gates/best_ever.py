"""Small losses against one champion after another must not add up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from include.gates.result import GateResult
from include.settings.gates import BestEverGate


def check_best_ever(best: Mapping[str, Any] | None, title: str, limits: BestEverGate) -> GateResult:
    """Ask for a gain in score over the best version that is or was champion, on the candidate's test rows.

    Args:
        best: ``version``, ``score``, ``gain`` and ``note``; None where none can answer for the rows.
        title: of the score, for people.
    """
    if best is None:
        reason = "no version that was champion can answer for the test rows"
        return GateResult("best_ever", True, None, limits.min_gain, reason, limits.severity)
    return GateResult(
        name="best_ever",
        is_passed=best["gain"] >= limits.min_gain,
        observed=best["gain"],
        threshold=limits.min_gain,
        reason=(
            f"against version {best['version']}, the best that is or was champion ({title} {best['score']:.4f}): "
            f"{best['note']}; at least {limits.min_gain:+.4f} is asked"
        ),
        severity=limits.severity,
    )
