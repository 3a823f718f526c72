"""Machine learning must earn its cost over the one-feature rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from include.gates.result import GateResult
from include.settings.gates import BaselineGate


def check_baseline(score: float, baseline: Mapping[str, Any], title: str, limits: BaselineGate) -> GateResult:
    """Ask for a gain in score over the rule on the same test rows, and for the low end of the gain's interval.

    Args:
        baseline: ``feature``, ``score``, ``gain``, ``gain_low``, ``gain_high`` (see ``fit_family``).
        title: of the score, for people.
    """
    gain, low = baseline["gain"], baseline["gain_low"]
    asked = f"at least {limits.min_gain:+.4f} is asked"
    is_certain = limits.min_gain_low is None or low >= limits.min_gain_low
    if limits.min_gain_low is not None:
        asked += f", and {limits.min_gain_low:+.4f} at the low end of the interval"
    is_decided_by_low = gain >= limits.min_gain and not is_certain
    return GateResult(
        name="baseline",
        is_passed=gain >= limits.min_gain and is_certain,
        observed=low if is_decided_by_low else gain,
        threshold=limits.min_gain_low if is_decided_by_low and limits.min_gain_low is not None else limits.min_gain,
        reason=(
            f"{title} {score:.4f} against {baseline['score']:.4f} by {baseline['feature']} alone: gain {gain:+.4f} "
            f"(95 % interval {low:+.4f} to {baseline['gain_high']:+.4f}), {asked}"
        ),
        severity=limits.severity,
    )
