"""Machine learning must earn its keep over the one-feature rule."""

from __future__ import annotations

from include.gates.result import GateResult
from include.settings.gates import GainGate


def check_baseline(auc: float, baseline_auc: float, baseline_feature: str, limits: GainGate) -> GateResult:
    """Ask for a gain in AUC over the best single feature, on the same test households.

    Args:
        baseline_feature: what the rule looks at, chosen on the training rows.
    """
    gain = auc - baseline_auc
    return GateResult(
        name="baseline",
        is_passed=gain >= limits.min_auc_gain,
        observed=gain,
        threshold=limits.min_auc_gain,
        reason=(
            f"AUC {auc:.4f} against {baseline_auc:.4f} by {baseline_feature} alone: gain {gain:+.4f}, "
            f"at least {limits.min_auc_gain:+.4f} is asked"
        ),
        severity=limits.severity,
    )
