"""A model, or a feature alone, that knows more than the problem allows has probably seen the label."""

from __future__ import annotations

from include.gates.result import GateResult
from include.settings.gates import LeakageGate


def check_leakage(score: float, feature: str, feature_score: float, title: str, limits: LeakageGate) -> GateResult:
    """Limit the score of the model, and what the best single feature knows of the label.

    Args:
        feature: the one that knows most by itself.
        title: of the score, for people.
    """
    is_model_credible = score <= limits.max_score
    return GateResult(
        name="leakage",
        is_passed=is_model_credible and feature_score <= limits.max_single_feature,
        observed=feature_score if is_model_credible else score,
        threshold=limits.max_single_feature if is_model_credible else limits.max_score,
        reason=(
            f"the model has {_with_article(title)} of {score:.4f}, the limit is {limits.max_score:.4f}; "
            f"the best feature alone, {feature}, reaches {feature_score:.4f}, "
            f"the limit is {limits.max_single_feature:.4f}"
        ),
        severity=limits.severity,
    )


def _with_article(title: str) -> str:
    return f"{'an' if title[0] in 'AEIOaeio' else 'a'} {title}"
