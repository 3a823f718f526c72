"""Which candidates one training fits: every family on every compared feature set, and the baseline once."""

from __future__ import annotations

from include.settings.models import ModelSettings
from include.settings.training import BASELINE


def name_candidate(family: str, feature_set: str | None) -> str:
    """A candidate as lists show it, such as ``gradient_boosting · full``; the family alone without a compared set."""
    return family if feature_set is None else f"{family} · {feature_set}"


def list_candidates(model: ModelSettings) -> list[dict[str, str | None]]:
    """The candidates of a training: ``family``, ``feature_set`` (None when no sets are compared) and ``name``.

    The baseline is fitted once, on all features of the model: every candidate is compared with the same rule.
    """
    compared: list[str | None] = [*model.features.compare] or [None]
    pairs = [
        (family, feature_set)
        for family in model.training.families
        for feature_set in ([None] if family == BASELINE else compared)
    ]
    return [
        {"family": family, "feature_set": feature_set, "name": name_candidate(family, feature_set)}
        for family, feature_set in pairs
    ]
