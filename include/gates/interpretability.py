"""A model whose reasons change from row to row, or that has only one, cannot be explained or trusted."""

from __future__ import annotations

from include.evaluation.interpretability import InterpretabilityEvidence
from include.gates.result import GateResult, keep_finite
from include.settings.gates import InterpretabilityGate

_SHOWN = 3


def check_interpretability(evidence: InterpretabilityEvidence, limits: InterpretabilityGate) -> GateResult:
    """Ask that folds agree on the features, limit the share of the first one, and what an absent value tells."""
    first, share = next(iter(evidence.shares.items()), ("no feature", 1.0))
    absent = evidence.missing_feature
    checks = (
        (evidence.agreement >= limits.min_agreement, evidence.agreement, limits.min_agreement),
        (share <= limits.max_dominance, share, limits.max_dominance),
        (evidence.missing_score <= limits.max_missing_score, evidence.missing_score, limits.max_missing_score),
    )
    observed, threshold = next(((seen, limit) for is_met, seen, limit in checks if not is_met), checks[1][1:])
    told = (
        f"that {absent} is missing knows {evidence.missing_score:.3f} of the label, {limits.max_missing_score:g} is "
        "allowed"
        if absent
        else "nothing is ever missing"
    )
    leading = ", ".join(f"{name} {part:.0%}" for name, part in list(evidence.shares.items())[:_SHOWN])
    return GateResult(
        name="interpretability",
        is_passed=all(is_met for is_met, _, _ in checks),
        observed=keep_finite(observed),
        threshold=threshold,
        reason=(
            f"folds agree on {evidence.agreement:.0%} of the importance, {limits.min_agreement:.0%} is asked; {first} "
            f"has {share:.0%} of it, {limits.max_dominance:.0%} is allowed ({leading or 'none matters'}); {told}"
        ),
        severity=limits.severity,
    )
