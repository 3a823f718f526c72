"""Which candidates one training fits: those of each strategy of its plan, and the baseline once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from include.settings.models import ModelSettings
from include.settings.strategies import STANDARD, Strategy
from include.settings.training import BASELINE, TrainingSettings

_SEARCH = "optuna"
_SELECTION = "importance"


def name_candidate(family: str, feature_set: str | None, strategy: str | None = None) -> str:
    """A candidate as lists show it, such as ``gradient_boosting · full · search``.

    What goes without saying is left out: a model's only feature set, and the standard strategy.
    """
    parts = (family, feature_set, None if strategy == STANDARD else strategy)
    return " · ".join(part for part in parts if part is not None)


def name_row(row: Mapping[str, Any]) -> str:
    """The name of what is kept of a candidate, of whichever release."""
    return name_candidate(row["family"], row.get("feature_set"), row.get("strategy"))


def list_candidates(model: ModelSettings, strategies: Sequence[Strategy] = (STANDARD,)) -> list[dict[str, str | None]]:
    """The candidates of a training: ``family``, ``feature_set`` (None if no sets are compared), ``strategy``, ``name``.

    The baseline is fitted once, on all features of the model: every candidate is compared with the same rule. What
    two strategies would fit alike is fitted for the first of them. A search is for families that have a space, an
    ensemble for settings that have its parameters.
    """
    compared: list[str | None] = [*model.features.compare] or [None]
    found: list[tuple[str, str | None, str]] = [(BASELINE, None, STANDARD)]
    seen: set[tuple[str, str, str]] = set()
    for strategy in strategies:
        settings = apply_strategy(model, strategy)
        for family in settings.families:
            key = (family, settings.feature_selection.method, _find_method(settings, family))
            if family != BASELINE and key not in seen:
                seen.add(key)
                found += [(family, feature_set, strategy) for feature_set in compared]
    return [
        {
            "family": family, "feature_set": feature_set, "strategy": strategy,
            "name": name_candidate(family, feature_set, strategy),
        }
        for family, feature_set, strategy in found
    ]  # fmt: skip


def apply_strategy(model: ModelSettings, strategy: str) -> TrainingSettings:
    """The settings that the candidates of a strategy are fitted with.

    A method of search or of selection that the settings name is kept; where they say ``none``, a search is guided
    (``optuna``), and features are selected by their importance. Where answers are decided by what they earn, the gains
    of the gate are among them.
    """
    settings = model.training
    if settings.decision == "value":
        settings = settings.model_copy(update={"decision_gains": model.gates.value.gains})
    match strategy:
        case "search":
            found = settings.search
            method = _SEARCH if found.method == "none" else found.method
            families = tuple(family for family in settings.families if family in found.spaces)
            changed = {"search": found.model_copy(update={"method": method}), "families": (BASELINE, *families)}
        case "ensemble":
            known = () if settings.parameters.ensemble is None else ("ensemble",)
            changed = {"families": (BASELINE, *known)}
        case "feature_selection":
            selection = settings.feature_selection
            method = _SELECTION if selection.method == "none" else selection.method
            changed = {"feature_selection": selection.model_copy(update={"method": method})}
        case _:
            changed = {}
    return settings.model_copy(update=changed)


def _find_method(settings: TrainingSettings, family: str) -> str:
    return settings.search.method if family in settings.search.spaces else "none"
