"""A candidate must not be worse than the champion that it would replace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from include.gates.result import GateResult
from include.settings.gates import GainGate


def check_production(champion: Mapping[str, Any] | None, limits: GainGate) -> GateResult:
    """Ask for a gain in AUC over the champion, both measured on the candidate's test households.

    Without a champion there is nothing to be worse than. A champion that can no longer score the
    features leaves the question open: the candidate stays in staging, where a person decides.

    Args:
        champion: ``version``, ``auc``, ``gain`` (None when it cannot score the test rows) and ``note``.
    """
    if champion is None:
        return GateResult("production", True, None, limits.min_auc_gain, "there is no champion yet", limits.severity)
    gain = champion["gain"]
    if gain is None:
        return GateResult(
            "production",
            False,
            None,
            limits.min_auc_gain,
            f"champion version {champion['version']} could not be compared: {champion['note']}",
            "advisory",
        )
    return GateResult(
        name="production",
        is_passed=gain >= limits.min_auc_gain,
        observed=gain,
        threshold=limits.min_auc_gain,
        reason=(
            f"against champion version {champion['version']} (AUC {champion['auc']:.4f}): {champion['note']}; "
            f"at least {limits.min_auc_gain:+.4f} is asked"
        ),
        severity=limits.severity,
    )
