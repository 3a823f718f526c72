"""Ranks the candidates on several weighted criteria."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from include.errors import TrainingError
from include.settings.strategies import STANDARD
from include.settings.training import BASELINE, CostCeilings, SelectionWeights
from include.training.candidates import name_candidate


@dataclass(frozen=True)
class RankedCandidate:
    """The weighted sum that a candidate reaches (at most 1), and what each criterion added to it."""

    family: str
    run_id: str
    score: float
    parts: Mapping[str, float]
    feature_set: str | None = None
    strategy: str = STANDARD

    @property
    def name(self) -> str:
        """Its family, with its compared feature set and its strategy."""
        return name_candidate(self.family, self.feature_set, self.strategy)


@dataclass(frozen=True)
class Ranking:
    """Candidates, best first; ``gap`` is the lead of the first over the second (None for one alone)."""

    candidates: tuple[RankedCandidate, ...]
    gap: float | None
    reason: str

    @property
    def winner(self) -> RankedCandidate:
        """The best candidate."""
        return self.candidates[0]


def rank_candidates(results: Sequence[Mapping[str, Any]], weights: SelectionWeights, ceilings: CostCeilings) -> Ranking:
    """Order the results of ``fit_family`` by weighted score; the baseline family is left out.

    Metrics are those of validation, as they are: the test rows, on which the gates judge the winner, choose nothing.
    Costs, where lower is better, are min-max normalised between nothing and a fixed ceiling: what a candidate reaches
    does not depend on who else takes part, and a difference of milliseconds stays one. Equals are ordered by the task's
    own score, then by name.

    Raises:
        TrainingError: nothing to rank.
    """
    scored = [
        (_score_candidate(result, weights, ceilings), float(result["validation"]["metrics"]["score"]))
        for result in results
        if result["family"] != BASELINE
    ]
    if not scored:
        raise TrainingError(
            "There is no candidate to rank: no family besides the baseline was fitted. Check the logs of 'fit'."
        )
    scored.sort(key=lambda pair: (-pair[0].score, -pair[1], pair[0].name))
    ranked = tuple(candidate for candidate, _ in scored)
    gap = ranked[0].score - ranked[1].score if len(ranked) > 1 else None
    return Ranking(ranked, gap, _explain(ranked, gap))


def _score_candidate(result: Mapping[str, Any], weights: SelectionWeights, ceilings: CostCeilings) -> RankedCandidate:
    costs = {
        "training_seconds": _cheapness(result["training_seconds"], ceilings.training_seconds),
        "size": _cheapness(result["size_bytes"], ceilings.size_bytes),
    }
    values = {**result["validation"]["metrics"], **costs}
    parts = {name: weight * values[name] for name, weight in weights if weight}
    strategy = result.get("strategy", STANDARD)
    return RankedCandidate(
        result["family"], result["run_id"], sum(parts.values()), parts, result.get("feature_set"), strategy
    )


def _cheapness(cost: float, ceiling: float) -> float:
    """1 for no cost, 0 from the ceiling on."""
    return 1 - min(cost, ceiling) / ceiling


def _explain(ranked: Sequence[RankedCandidate], gap: float | None) -> str:
    first = ranked[0]
    if gap is None:
        return f"{first.name} is the only candidate (score {first.score:.4f})"
    second = ranked[1]
    leads = {key: value - second.parts[key] for key, value in first.parts.items()}
    strongest = max(leads, key=lambda key: leads[key])
    return (
        f"{first.name} (score {first.score:.4f}) leads {second.name} (score {second.score:.4f}) by {gap:.4f}, "
        f"most of it from {strongest} ({leads[strongest]:+.4f})"
    )
