"""A candidate must not be worse than the champion that it would replace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from include.gates.result import GateResult
from include.settings.gates import ProductionGate


def check_production(champion: Mapping[str, Any] | None, title: str, limits: ProductionGate) -> GateResult:
    """Ask for a gain in score over the champion on the candidate's test rows, and for the low end of its interval.

    Without a champion there is nothing to be worse than. A champion that can no longer answer for the
    rows leaves the question open: the person who approves is asked, or the candidate stays in staging
    (``when_incomparable``).

    Args:
        champion: ``version``, ``score``, ``gain`` (None when it cannot answer for the test rows), ``gain_low`` and
            ``note``.
        title: of the score, for people.
    """
    if champion is None:
        return GateResult("production", True, None, limits.min_gain, "there is no champion yet", limits.severity)
    gain = champion["gain"]
    if gain is None:
        return _answer_incomparable(champion, limits)
    asked = f"at least {limits.min_gain:+.4f} is asked"
    observed, threshold = gain, limits.min_gain
    if limits.min_gain_low is not None:
        asked += f", and {limits.min_gain_low:+.4f} at the low end of the interval"
        if gain >= limits.min_gain:
            observed, threshold = champion["gain_low"], limits.min_gain_low
    return GateResult(
        name="production",
        is_passed=observed >= threshold,
        observed=observed,
        threshold=threshold,
        reason=(
            f"against champion version {champion['version']} ({title} {champion['score']:.4f}): {champion['note']}; "
            f"{asked}"
        ),
        severity=limits.severity,
    )


def _answer_incomparable(champion: Mapping[str, Any], limits: ProductionGate) -> GateResult:
    is_asked = limits.when_incomparable == "ask"
    follows = "the person who approves decides" if is_asked else "the candidate stays in staging"
    return GateResult(
        name="production",
        is_passed=False,
        observed=None,
        threshold=limits.min_gain,
        reason=(
            f"champion version {champion['version']} could not be compared: {champion['note']}; {follows} "
            f"(gates, production.when_incomparable: {limits.when_incomparable})"
        ),
        severity="ask" if is_asked else "advisory",
        is_clear=False,
    )
