"""No feature alone may know too much."""

from __future__ import annotations

from include.gates.result import GateResult
from include.settings.gates import LeakageGate


def check_leakage(feature: str, feature_auc: float, limits: LeakageGate) -> GateResult:
    """Limit the AUC of the best single feature; above it, the feature has probably seen the label."""
    return GateResult(
        name="leakage",
        is_passed=feature_auc <= limits.max_single_feature_auc,
        observed=feature_auc,
        threshold=limits.max_single_feature_auc,
        reason=(
            f"the best feature alone, {feature}, has an AUC of {feature_auc:.4f}; "
            f"{limits.max_single_feature_auc:.4f} is credible"
        ),
        severity=limits.severity,
    )
