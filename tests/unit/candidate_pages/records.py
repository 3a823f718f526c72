"""Candidates of machines that were trained and judged for real, as the ledger keeps them."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from typing import Any

from include.candidate_pages.queries import CandidateRecords
from include.gates.all_gates import GATES
from include.gates.gate import run_gate
from include.settings.models import TaskName
from tests.model.candidates import train_good
from tests.unit.registry.planting import make_measured

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVIL = "<img src=x onerror=alert(1)>"
MODEL = "failures"
RANKING: dict[str, Any] = {
    "ranking": [
        {"family": "gradient_boosting", "feature_set": None, "run_id": "run-best", "score": 0.71,
         "parts": {"score": 0.6, "training_seconds": 0.07, "size": 0.04}},
        {"family": "logistic_regression", "feature_set": None, "run_id": "run-second", "score": 0.69,
         "parts": {"score": 0.55, "training_seconds": 0.09, "size": 0.05}},
    ],
    "gap": 0.02,
    "ranking_reason": "gradient_boosting (score 0.7100) leads logistic_regression (score 0.6900) by 0.0200",
    "failures": [{"name": "random_forest", "reason": f"ValueError: no trees {EVIL}", "run_id": "run-failed"}],
}  # fmt: skip


@cache
def _judge(task: TaskName) -> str:
    candidate = train_good(task)
    answers = {name: run_gate(name, candidate) for name in GATES}
    details = [{**asdict(one.result), "evidence": one.evidence, "limits": one.limits} for one in answers.values()]
    return json.dumps(details, allow_nan=False)


def judge_good(task: TaskName = "binary", **changed: dict[str, Any]) -> list[dict[str, Any]]:
    """What every gate says of a good candidate, with its evidence; fields of some gates are replaced."""
    details: list[dict[str, Any]] = json.loads(_judge(task))
    return [{**detail, **changed.get(detail["name"], {})} for detail in details]


@cache
def _measure(task: TaskName) -> dict[str, Any]:
    candidate = train_good(task)
    curves = candidate.task.list_curves(candidate.data.test.labels, candidate.answers, candidate.onnx.contract.decision)
    return {
        **candidate.result, "curves": curves, "importance": {"wear": 0.2, "site": 0.01},
        "parameters": {"learning_rate": 0.1, "class_weight": None},
        "champion": {"version": 1, "score": 0.8, "gain": 0.01, "gain_low": -0.01, "gain_high": 0.03, "note": "gain"},
    }  # fmt: skip


def measure_good(task: TaskName = "binary", **replaced: Any) -> dict[str, Any]:
    """What training measured of a good candidate, with its curves."""
    lineage = {key: value for key, value in make_measured().items() if key not in _measure(task)}
    return {**lineage, **deepcopy(_measure(task)), "run_id": "run-best", "model_uri": "models:/m-1", **replaced}


def make_row(gate: dict[str, Any]) -> dict[str, Any]:
    """An answer as ``ml.gate_results`` has it."""
    keys = ("is_passed", "observed", "threshold", "severity", "reason")
    return {"gate": gate["name"], "at": AT, "detail": gate, **{key: gate[key] for key in keys}}


def make_candidate(result: dict[str, Any]) -> dict[str, Any]:
    """A row of ``ml.candidates``."""
    keys = (
        "run_id", "family", "feature_set", "trained_by", "data_version", "feature_version", "code_revision",
        "model_uri", "onnx_sha256",
    )  # fmt: skip
    return {"at": AT, "assembled_at": AT, "model_name": MODEL, "result": result, **{key: result[key] for key in keys}}


def make_records(
    task: TaskName = "binary", decision: str | None = "production", gates: list[dict[str, Any]] | None = None,
    **replaced: Any,
) -> CandidateRecords:  # fmt: skip
    """A candidate that was judged; fields of its result are replaced."""
    result = measure_good(task, **replaced)
    decided = {"run_id": "run-best", "decision": decision, "reasons": [], "at": AT, **RANKING}
    sibling = {
        "run_id": "run-best", "family": result["family"], "feature_set": None, "score_name": result["score_name"],
        "score": 0.8, "score_low": 0.78, "score_high": 0.82, "seconds": 1.5, "size_bytes": 90_000.0,
    }  # fmt: skip
    second = {**sibling, "run_id": "run-second", "family": "logistic_regression"}
    rule = {**sibling, "run_id": "run-rule", "family": "baseline"}
    return CandidateRecords(
        make_candidate(result),
        [make_row(gate) for gate in (judge_good(task) if gates is None else gates)],
        decided if decision else None,
        [sibling, second, rule],
    )


def make_training(**replaced: Any) -> dict[str, Any]:
    """A row of ``read_trainings``: a training whose best candidate was refused."""
    return {
        "model_name": MODEL, "started_at": AT, "cause": "decay", "cause_reason": "the score fell",
        "fitted": 3, "any_run_id": "run-best", "age": 1,
        "run_id": "run-best", "family": "gradient_boosting", "feature_set": None, "trained_by": "scientist",
        "score_name": "auc", "score": 0.8, "score_low": 0.78, "score_high": 0.82, "decision": "refuse",
        "reasons": ["calibration: too far off", "parity: too far"], "decided_at": AT, "failures": 1, "gates": 18,
        "failed": 2, "version": None, **replaced,
    }  # fmt: skip
