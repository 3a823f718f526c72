"""What one training tries, by the reason it was asked for (``strategies`` in ``include/config/training.yml``)."""

from __future__ import annotations

from typing import Final, Literal, Self, get_args

from pydantic import model_validator

from include.settings.section import Section

TrainingCause = Literal["first", "person", "schedule", "feature_version", "drift", "decay"]
Strategy = Literal["standard", "search", "ensemble", "feature_selection", "light_validation"]

STRATEGIES: Final[tuple[Strategy, ...]] = get_args(Strategy)
STANDARD: Final = "standard"
LIGHT_VALIDATION: Final = "light_validation"


class StrategySettings(Section):
    """The strategies of a training, by its cause; each one's candidates are fitted beside those of the others.

    Attributes:
        first: there is no version yet.
        person: somebody started the DAG with ``force``, and named no strategies.
        schedule: the last training is older than ``max_model_age_days``.
        feature_version: the version of a feature group was raised since the last training.
        drift: monitoring found that features or scores have drifted.
        decay: monitoring found that the champion's score has fallen; with drift or without.
    """

    first: tuple[Strategy, ...] = (STANDARD,)
    person: tuple[Strategy, ...] = (STANDARD,)
    schedule: tuple[Strategy, ...] = (STANDARD,)
    feature_version: tuple[Strategy, ...] = (STANDARD, "feature_selection")
    drift: tuple[Strategy, ...] = (STANDARD, "feature_selection")
    decay: tuple[Strategy, ...] = (STANDARD, "search", "ensemble")

    @model_validator(mode="after")
    def _check_fits(self) -> Self:
        for cause, strategies in self:
            if len(set(strategies)) < len(strategies):
                raise ValueError(f"strategies.{cause} to hold each strategy once")
            if LIGHT_VALIDATION in strategies and cause not in ("schedule", "person"):
                raise ValueError(
                    f"strategies.{cause} without light_validation: the newest labelled cutoff is older than what has "
                    "changed, so that the champion would hold"
                )
            if not set(strategies) - {LIGHT_VALIDATION}:
                raise ValueError(
                    f"strategies.{cause} to hold one that fits candidates ({', '.join(STRATEGIES[:-1])}): "
                    "light_validation trains with the others where the champion does not hold"
                )
        return self
