"""Ranks the candidates, runs each gate on the best one, and decides where it may go."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any, Final

from include.errors import RegistryError, SettingsError, TrainingError, WarehouseError
from include.evaluation.calibration import measure_calibration
from include.evaluation.candidate import Candidate
from include.evaluation.compliance import measure_compliance
from include.evaluation.fairness import measure_fairness
from include.evaluation.interpretability import measure_interpretability
from include.evaluation.latency import measure_latency
from include.evaluation.overlap import measure_overlap
from include.evaluation.robustness import measure_robustness
from include.evaluation.security import measure_security
from include.evaluation.size import measure_size
from include.evaluation.stability import measure_stability
from include.evaluation.value import measure_value
from include.gates.baseline import check_baseline
from include.gates.best_ever import check_best_ever
from include.gates.calibration import check_calibration
from include.gates.compliance import check_compliance
from include.gates.decision import decide
from include.gates.evidence import check_evidence
from include.gates.fairness import check_fairness
from include.gates.interpretability import check_interpretability
from include.gates.interval import check_interval
from include.gates.latency import check_latency
from include.gates.leakage import check_leakage
from include.gates.overlap import check_overlap
from include.gates.parity import check_parity
from include.gates.production import check_production
from include.gates.result import GateResult
from include.gates.robustness import check_robustness
from include.gates.security import check_security
from include.gates.size import check_size
from include.gates.stability import check_stability
from include.gates.value import check_value
from include.registry.runs import tag_decision
from include.settings.gates import GateSettings
from include.settings.models import ModelSettings
from include.settings.training import BASELINE
from include.training.attempt import FAILURE, list_failures
from include.training.select import rank_candidates

log = logging.getLogger(__name__)

Gate = Callable[[Candidate, GateSettings], GateResult]

# Of each gate: what is measured, and the rule that judges it. Only what a rule asks for is read.
GATES: Final[Mapping[str, Gate]] = {
    "baseline": lambda one, limits: check_baseline(
        one.result["score"], one.result["baseline"], one.task.score_title, limits.baseline
    ),
    "production": lambda one, limits: check_production(
        one.result["champion"], one.task.score_title, limits.production
    ),
    "best_ever": lambda one, limits: check_best_ever(one.result["best_ever"], one.task.score_title, limits.best_ever),
    "parity": lambda one, limits: check_parity(one.result["parity_difference"], limits.parity),
    "evidence": lambda one, limits: check_evidence(
        one.result["test_count"], one.task.evidence_title, limits.evidence
    ),
    "interval": lambda one, limits: check_interval(one.result["score_low"], one.task.score_title, limits.interval),
    "leakage": lambda one, limits: check_leakage(
        one.result["score"], one.result["single_feature"], one.result["single_feature_score"], one.task.score_title,
        limits.leakage,
    ),
    "overlap": lambda one, limits: check_overlap(measure_overlap(one), limits.overlap),
    "calibration": lambda one, limits: check_calibration(measure_calibration(one), limits.calibration),
    "fairness": lambda one, limits: check_fairness(measure_fairness(one), limits.fairness),
    "robustness": lambda one, limits: check_robustness(measure_robustness(one), limits.robustness),
    "stability": lambda one, limits: check_stability(measure_stability(one), one.task.score_title, limits.stability),
    "interpretability": lambda one, limits: check_interpretability(
        measure_interpretability(one), limits.interpretability
    ),
    "value": lambda one, limits: check_value(measure_value(one), limits.value),
    "latency": lambda one, limits: check_latency(measure_latency(one), limits.latency),
    "size": lambda one, limits: check_size(measure_size(one), limits.size),
    "security": lambda one, limits: check_security(measure_security(one, limits.security), limits.security),
    "compliance": lambda one, limits: check_compliance(measure_compliance(one), limits.compliance),
}  # fmt: skip


def rank_results(results: Iterable[Mapping[str, Any]], model: ModelSettings) -> dict[str, Any]:
    """Rank the fitted families.

    Args:
        results: what ``attempt_family`` returned for each family, the baseline among them.

    Returns:
        ``ranking`` (family, feature_set, run_id, weighted score and parts, best first), ``gap``, ``ranking_reason``,
        ``failures`` (name, reason and run_id of each candidate that could not be fitted), and the whole results
        ``candidate`` (the first) and ``baseline``.

    Raises:
        TrainingError: the baseline or every other family is missing, or failed.
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
    return {
        "ranking": [asdict(entry) for entry in ranking.candidates],
        "gap": ranking.gap,
        "ranking_reason": ranking.reason,
        "failures": failures,
        "candidate": by_run[ranking.winner.run_id],
        "baseline": baseline,
    }


def run_gate(name: str, candidate: Candidate) -> GateResult:
    """One gate's answer about a candidate.

    A candidate that cannot be measured has failed the gate, with the error as the reason.

    Raises:
        RegistryError: MLflow is away, or the candidate's file is not the one that was measured.
        WarehouseError: the warehouse is away.
        SettingsError: a declaration does not fit.
    """
    limits = candidate.model.gates
    try:
        return GATES[name](candidate, limits)
    except (RegistryError, WarehouseError, SettingsError):
        raise
    except Exception as error:
        log.exception("The gate %s could not measure the candidate.", name)
        reason = f"it could not be measured: {type(error).__name__}: {' '.join(str(error).split())}"
        return GateResult(name, False, None, None, reason[:1000], getattr(limits, name).severity)


def conclude(ranked: Mapping[str, Any], answers: Iterable[Mapping[str, Any]], tracking_uri: str) -> dict[str, Any]:
    """Decide about the candidate that was ranked first, and write it onto its MLflow run.

    Args:
        ranked: what :func:`rank_results` returned.
        answers: what each gate said, as mappings; every gate of ``GATES``, once.

    Returns:
        ``decision`` ('refuse', 'staging' or 'production'), ``reasons``, ``gates`` (one mapping each), and all of
        ``ranked``.

    Raises:
        TrainingError: a gate did not answer, or answered twice.
        RegistryError: MLflow is away; the task will be retried.
    """
    evidence = [dict(answer) for answer in answers]
    names = [answer["name"] for answer in evidence]
    if sorted(names) != sorted(GATES):
        raise TrainingError(
            f"The gates that answered are {', '.join(names) or 'none'}, and not {', '.join(GATES)}, once each. Clear "
            "the failed 'gate' tasks."
        )
    evidence.sort(key=lambda answer: list(GATES).index(answer["name"]))
    decision = decide([GateResult(**answer) for answer in evidence])
    run_id = ranked["candidate"]["run_id"]
    tag_decision(tracking_uri, run_id, decision.outcome, evidence, ranked["ranking"])
    return {"decision": decision.outcome, "reasons": list(decision.reasons), "gates": evidence, **ranked}
