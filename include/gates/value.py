"""A model must earn more than what can be done without it."""

from __future__ import annotations

from include.evaluation.value import ValueEvidence
from include.gates.result import GateResult, settle
from include.settings.gates import ValueGate


def check_value(evidence: ValueEvidence, limits: ValueGate) -> GateResult:
    """Ask for a gain in profit over the best of what needs no model; it fails if even the high end is too low."""
    others = ", ".join(f"{name} {profit:+.4g}" for name, profit in evidence.others.items())
    return settle(
        "value",
        limits,
        is_met=evidence.gain >= limits.min_gain,
        is_possible=evidence.gain_high >= limits.min_gain,
        observed=evidence.gain,
        threshold=limits.min_gain,
        reason=(
            f"acting on the answers earns {evidence.profit:+.4g} a row, {evidence.gain:+.4g} more (95 % interval "
            f"{evidence.gain_low:+.4g} to {evidence.gain_high:+.4g}) than {evidence.best}; {limits.min_gain:+.4g} is "
            f"asked ({others}; {evidence.rows} rows)"
        ),
    )
