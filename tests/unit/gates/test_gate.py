"""All gates on one candidate, and what follows."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from include.errors import RegistryError, TrainingError
from include.gates.decision import decide
from include.gates.gate import judge_candidates, run_gates
from include.local.ports import find_free_port
from include.registry.tracking import open_run
from include.settings import load_settings
from include.settings.gates import GateSettings
from tests.unit.gates.conftest import MakeResult
from tests.unit.registry.mlflow_server import start_shared_server

FAULTS = {
    "baseline": {"auc": 0.842},
    "production": {"champion": {"version": 3, "auc": 0.9, "gain": -0.04, "note": "worse"}},
    "parity": {"parity_difference": 0.01},
    "evidence": {"test_positives": 40},
    "interval": {"auc_low": 0.66},
    "leakage": {"single_feature_auc": 0.89},
}


def test_a_good_candidate_passes_every_gate(
    make_candidate: MakeResult, baseline: dict[str, Any], limits: GateSettings
) -> None:
    results = run_gates(make_candidate(), baseline, limits)
    assert {result.name for result in results} == set(FAULTS)
    assert decide(results).outcome == "production"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_candidate_bad_in_one_way_alone_is_stopped_by_that_gate_alone(
    fault: str, make_candidate: MakeResult, baseline: dict[str, Any], limits: GateSettings
) -> None:
    results = run_gates(make_candidate(**FAULTS[fault]), baseline, limits)
    assert [result.name for result in results if not result.is_passed] == [fault]
    assert decide(results).outcome == ("staging" if fault == "evidence" else "refuse")


def log_runs(uri: str, results: list[dict[str, Any]]) -> None:
    """Give each result a run of its own in MLflow."""
    for result in results:
        with open_run(uri, "churn-gates", result["family"], {}) as mlflow:
            result["run_id"] = mlflow.active_run().info.run_id


def read_tags(uri: str, run_id: str) -> dict[str, str]:
    """The tags of a run."""
    answer = httpx.get(f"{uri}/api/2.0/mlflow/runs/get", params={"run_id": run_id}).raise_for_status()
    return {tag["key"]: tag["value"] for tag in answer.json()["run"]["data"]["tags"]}


def test_the_best_candidate_is_judged_and_the_judgement_written_onto_its_run(
    make_candidate: MakeResult, baseline: dict[str, Any]
) -> None:
    settings, uri = load_settings(), start_shared_server().uri
    best, other = make_candidate(parity_difference=0.5), make_candidate(family="logistic_regression", f1=0.3)
    log_runs(uri, [other, best, baseline])
    judged = judge_candidates([other, best, baseline], uri, settings.training, settings.gates)
    assert judged["decision"] == "refuse"
    assert judged["reasons"] == ["parity: the ONNX form differs by at most 0.5, 0.0001 is allowed"]
    assert (judged["candidate"], judged["baseline"]) == (best, baseline)
    assert [entry["family"] for entry in judged["ranking"]] == ["random_forest", "logistic_regression"]
    assert judged["gap"] == pytest.approx(0.08, abs=0.04)
    assert json.loads(json.dumps(judged)) == judged
    tags = read_tags(uri, best["run_id"])
    assert tags["decision"] == "refuse"
    assert json.loads(tags["gates"]) == judged["gates"]
    assert json.loads(tags["ranking"]) == judged["ranking"]
    assert "decision" not in read_tags(uri, other["run_id"])


def test_without_the_baseline_nothing_is_judged(make_candidate: MakeResult) -> None:
    settings = load_settings()
    with pytest.raises(TrainingError, match="The baseline was not fitted"):
        judge_candidates([make_candidate()], "http://127.0.0.1:1", settings.training, settings.gates)


def test_without_mlflow_the_judgement_is_not_lost_in_silence(
    make_candidate: MakeResult, baseline: dict[str, Any]
) -> None:
    settings, uri = load_settings(), f"http://127.0.0.1:{find_free_port()}"
    with pytest.raises(RegistryError, match="is away"):
        judge_candidates([make_candidate(), baseline], uri, settings.training, settings.gates)
