"""Ranks the candidates, runs each gate on the best one, and decides where it may go."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from include.errors import RegistryError, SettingsError, TrainingError, WarehouseError
from include.evaluation.candidate import Candidate
from include.evaluation.describe import describe_evidence
from include.gates.all_gates import GATES
from include.gates.decision import decide
from include.gates.result import GateResult
from include.registry.runs import tag_decision
from include.settings.models import ModelSettings
from include.settings.training import BASELINE
from include.training.attempt import FAILURE, list_failures
from include.training.select import rank_candidates

log = logging.getLogger(__name__)


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


@dataclass(frozen=True)
class GateAnswer:
    """What one gate says, and from what.

    Attributes:
        evidence: what was measured, in bounded JSON types; None where it could not be measured.
        limits: the gate's settings, in JSON types.
    """

    result: GateResult
    evidence: Any
    limits: dict[str, Any]


def run_gate(name: str, candidate: Candidate) -> GateAnswer:
    """One gate's answer about a candidate.

    A candidate that cannot be measured has failed the gate, with the error as the reason.

    Raises:
        RegistryError: MLflow is away, or the candidate's file is not the one that was measured.
        WarehouseError: the warehouse is away.
        SettingsError: a declaration does not fit.
    """
    gate, limits = GATES[name], candidate.model.gates
    asked = getattr(limits, name)
    described = describe_evidence(asked.model_dump(mode="json"))
    try:
        evidence = gate.measure(candidate, limits)
        return GateAnswer(gate.check(evidence, candidate, limits), describe_evidence(evidence), described)
    except (RegistryError, WarehouseError, SettingsError):
        raise
    except Exception as error:
        log.exception("The gate %s could not measure the candidate.", name)
        reason = f"it could not be measured: {type(error).__name__}: {' '.join(str(error).split())}"
        return GateAnswer(GateResult(name, False, None, None, reason[:1000], asked.severity), None, described)


def conclude(
    ranked: Mapping[str, Any], answers: Iterable[Mapping[str, Any]], tracking_uri: str, page: str | None = None
) -> dict[str, Any]:
    """Decide about the candidate that was ranked first, and write it onto its MLflow run.

    Args:
        ranked: what :func:`rank_results` returned.
        answers: what each gate said, as mappings; every gate of ``GATES``, once.
        page: the address of the candidate's page, for whoever looks at the run.

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
    tag_decision(tracking_uri, run_id, decision.outcome, evidence, ranked["ranking"], page)
    return {"decision": decision.outcome, "reasons": list(decision.reasons), "gates": evidence, **ranked}
