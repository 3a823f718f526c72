"""The ranking follows the weights, and says why."""

from __future__ import annotations

from typing import Any

import pytest

from include.errors import TrainingError
from include.settings.training import CostCeilings, SelectionWeights
from include.training.select import rank_candidates

WEIGHTS = SelectionWeights(f1=0.4, precision=0.2, recall=0.2, training_seconds=0.1, size=0.1)
CEILINGS = CostCeilings(training_seconds=10, size_bytes=1000)


def result(family: str, **changed: Any) -> dict[str, Any]:
    """One family's result."""
    metrics = {"f1": 0.5, "precision": 0.5, "recall": 0.5, "score": 0.8, "auc": 0.8}
    metrics = {name: changed.pop(name, value) for name, value in metrics.items()}
    costs = {"training_seconds": 1.0, "size_bytes": 100}
    return (
        {
            "family": family,
            "run_id": f"run of {family}",
            # What the test rows say is of no account.
            "score": 1 - metrics["score"],
            "metrics": {name: 1 - value for name, value in metrics.items()},
            "validation": {"folds": 1, "scores": [metrics["score"]], "metrics": metrics},
        }
        | costs
        | changed
    )


def test_the_score_is_the_weighted_sum() -> None:
    ranking = rank_candidates([result("a", training_seconds=4, size_bytes=250)], WEIGHTS, CEILINGS)
    assert ranking.winner.parts == pytest.approx(
        {"f1": 0.2, "precision": 0.1, "recall": 0.1, "training_seconds": 0.06, "size": 0.075}
    )
    assert ranking.winner.score == pytest.approx(0.535)
    assert ranking.winner.run_id == "run of a"
    assert ranking.gap is None
    assert "only candidate" in ranking.reason


@pytest.mark.parametrize(
    ("criterion", "better"),
    [("f1", 0.6), ("precision", 0.6), ("recall", 0.6), ("training_seconds", 0.1), ("size_bytes", 10)],
)
def test_each_criterion_alone_decides_between_equals(criterion: str, better: float) -> None:
    ranking = rank_candidates([result("a"), result("b", **{criterion: better})], WEIGHTS, CEILINGS)
    assert [entry.family for entry in ranking.candidates] == ["b", "a"]
    assert ranking.gap == pytest.approx(ranking.candidates[0].score - ranking.candidates[1].score)
    assert f"most of it from {criterion.removesuffix('_bytes')} (" in ranking.reason


def test_the_weights_decide_what_counts() -> None:
    fast, good = result("fast", training_seconds=0), result("good", f1=0.6, training_seconds=9)
    assert rank_candidates([fast, good], WEIGHTS, CEILINGS).winner.family == "fast"
    only_f1 = SelectionWeights(f1=1)
    assert rank_candidates([fast, good], only_f1, CEILINGS).winner.family == "good"


def test_beyond_the_ceiling_a_cost_earns_nothing_and_costs_nothing_more() -> None:
    parts = [
        rank_candidates([result("a", size_bytes=size)], WEIGHTS, CEILINGS).winner.parts["size"]
        for size in (1000, 50_000)
    ]
    assert parts == [0, 0]


def test_a_score_does_not_depend_on_who_else_takes_part() -> None:
    alone = rank_candidates([result("a")], WEIGHTS, CEILINGS).winner.score
    others = [result("a"), result("b", training_seconds=9), result("c", size_bytes=999)]
    among = {entry.family: entry.score for entry in rank_candidates(others, WEIGHTS, CEILINGS).candidates}
    assert among["a"] == alone


def test_the_baseline_never_wins() -> None:
    ranking = rank_candidates([result("baseline", f1=1.0, precision=1.0, recall=1.0), result("a")], WEIGHTS, CEILINGS)
    assert [entry.family for entry in ranking.candidates] == ["a"]


def test_equals_are_ordered_by_the_score_of_the_task_then_by_name() -> None:
    ranking = rank_candidates([result("c"), result("b"), result("a", score=0.7)], WEIGHTS, CEILINGS)
    assert [entry.family for entry in ranking.candidates] == ["b", "c", "a"]


@pytest.mark.parametrize("results", [[], [result("baseline")]], ids=["none", "baseline alone"])
def test_nothing_to_rank_is_an_error(results: list[dict[str, Any]]) -> None:
    with pytest.raises(TrainingError, match="no candidate to rank"):
        rank_candidates(results, WEIGHTS, CEILINGS)


def test_a_task_without_decisions_is_ranked_by_its_score_alone() -> None:
    results: list[dict[str, Any]] = [
        {
            "family": name,
            "run_id": name,
            "validation": {"folds": 1, "scores": [score], "metrics": {"score": score}},
            "training_seconds": 1,
            "size_bytes": 1,
        }
        for name, score in (("a", -0.2), ("b", 0.4))
    ]
    ranking = rank_candidates(results, SelectionWeights(score=0.9, size=0.1), CEILINGS)
    assert ranking.winner.family == "b"
    assert set(ranking.winner.parts) == {"score", "size"}


def test_one_family_on_two_feature_sets_is_two_candidates_with_names_of_their_own() -> None:
    small, full = result("a", feature_set="small"), result("a", feature_set="full", f1=0.6)
    ranking = rank_candidates([small, full], WEIGHTS, CEILINGS)
    assert [entry.name for entry in ranking.candidates] == ["a · full", "a · small"]
    assert ranking.reason.startswith("a · full (score")
