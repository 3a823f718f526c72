"""Runs the gates on the best candidate and decides where it may go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from include.errors import TrainingError
from include.gates.baseline import check_baseline
from include.gates.best_ever import check_best_ever
from include.gates.decision import decide
from include.gates.evidence import check_evidence
from include.gates.interval import check_interval
from include.gates.leakage import check_leakage
from include.gates.parity import check_parity
from include.gates.production import check_production
from include.gates.result import GateResult
from include.registry.runs import tag_decision
from include.settings.gates import GateSettings
from include.settings.models import ModelSettings
from include.settings.training import BASELINE
from include.tasks import TASKS
from include.training.attempt import FAILURE, list_failures
from include.training.select import rank_candidates


def run_gates(candidate: Mapping[str, Any], settings: GateSettings) -> tuple[GateResult, ...]:
    """Every gate's answer about one candidate; all of them run, whatever the first ones say.

    Args:
        candidate: what ``include.training.fit.fit_family`` returned for it.
    """
    task = TASKS[candidate["task"]]
    title, score = task.score_title, candidate["score"]
    single = candidate["single_feature"], candidate["single_feature_score"]
    return (
        check_baseline(score, candidate["baseline"], title, settings.baseline),
        check_production(candidate["champion"], title, settings.production),
        check_best_ever(candidate["best_ever"], title, settings.best_ever),
        check_parity(candidate["parity_difference"], settings.parity),
        check_evidence(candidate["test_count"], task.evidence_title, settings.evidence),
        check_interval(candidate["score_low"], title, settings.interval),
        check_leakage(score, *single, title, settings.leakage),
    )


def judge_candidates(results: Iterable[Mapping[str, Any]], tracking_uri: str, model: ModelSettings) -> dict[str, Any]:
    """Rank the fitted families, run the gates on the best, decide, and write it onto its MLflow run.

    Args:
        results: what ``attempt_family`` returned for each family, the baseline among them.

    Returns:
        ``decision`` ('refuse', 'staging' or 'production'), ``reasons``, ``gates`` (one mapping each),
        ``ranking`` (family, feature_set, run_id, weighted score and parts, best first), ``gap``, ``ranking_reason``,
        ``failures`` (name, reason and run_id of each candidate that could not be fitted), and the whole results
        ``candidate`` and ``baseline``.

    Raises:
        TrainingError: the baseline or every other family is missing, or failed.
        RegistryError: MLflow is away; the task will be retried.
    """
    attempts = [dict(result) for result in results]
    failures = list_failures(attempts)
    by_run = {str(result["run_id"]): result for result in attempts if FAILURE not in result}
    baseline = next((result for result in by_run.values() if result["family"] == BASELINE), None)
    if baseline is None:
        raise TrainingError(
            "The baseline was not fitted, so there is nothing to register as the first incumbent. Keep 'baseline' "
            "among the families (training.families) and see the log of its 'fit' task."
        )
    training = model.training
    if failures and all(result["family"] == BASELINE for result in by_run.values()):
        reasons = "; ".join(f"{one['name']}: {one['reason']}" for one in failures)
        raise TrainingError(f"No candidate could be fitted, so there is nothing to judge. {reasons}")
    ranking = rank_candidates(list(by_run.values()), training.selection_weights, training.cost_ceilings)
    candidate = by_run[ranking.winner.run_id]
    answers = run_gates(candidate, model.gates)
    decision = decide(answers)
    evidence = [asdict(answer) for answer in answers]
    ranked = [asdict(entry) for entry in ranking.candidates]
    tag_decision(tracking_uri, candidate["run_id"], decision.outcome, evidence, ranked)
    return {
        "decision": decision.outcome,
        "reasons": list(decision.reasons),
        "gates": evidence,
        "ranking": ranked,
        "gap": ranking.gap,
        "ranking_reason": ranking.reason,
        "failures": failures,
        "candidate": candidate,
        "baseline": baseline,
    }
