"""All gates on one candidate, and what follows."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from include.errors import RegistryError, TrainingError
from include.gates.decision import decide
from include.gates.gate import judge_candidates, run_gates
from include.registry.tracking import open_run
from include.servers.ports import find_free_port
from include.settings.models import TaskName
from tests.model.machines import make_model
from tests.unit.gates.conftest import LoadLimits, MakeResult
from tests.unit.registry.mlflow_server import start_shared_server

FAULTS: dict[str, dict[str, Any]] = {
    "baseline": {"baseline": {"feature": "wear", "score": 0.9, "gain": -0.01, "gain_low": -0.02, "gain_high": 0.0}},
    "production": {"champion": {"version": 3, "score": 0.9, "gain": -0.04, "gain_low": -0.06, "note": "worse"}},
    "best_ever": {"best_ever": {"version": 2, "score": 0.9, "gain": -0.02, "note": "worse by and by"}},
    "parity": {"parity_difference": 0.01},
    "evidence": {"test_count": 40},
    "interval": {"score_low": -0.1},
    "leakage": {"single_feature_score": 0.995},
}
TASKS: tuple[TaskName, ...] = ("binary", "multiclass", "regression")


@pytest.mark.parametrize("task", TASKS)
def test_a_good_candidate_passes_every_gate(
    task: TaskName, make_candidate: MakeResult, load_limits: LoadLimits
) -> None:
    results = run_gates(make_candidate(task), load_limits(task))
    assert {result.name for result in results} == set(FAULTS)
    assert decide(results).outcome == "production"


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_candidate_bad_in_one_way_alone_is_stopped_by_that_gate_alone(
    fault: str, task: TaskName, make_candidate: MakeResult, load_limits: LoadLimits
) -> None:
    results = run_gates(make_candidate(task, **FAULTS[fault]), load_limits(task))
    assert [result.name for result in results if not result.is_passed] == [fault]
    assert decide(results).outcome == ("staging" if fault == "evidence" else "refuse")


@pytest.mark.parametrize(("rule", "gain"), [(0.0, 0.0), (-0.1, 0.1)])
def test_a_forecast_that_is_no_better_than_the_median_is_refused_however_bad_the_rule_is(
    rule: float, gain: float, make_candidate: MakeResult, load_limits: LoadLimits
) -> None:
    baseline = {"feature": "wear", "score": rule, "gain": gain, "gain_low": gain, "gain_high": gain}
    constant = make_candidate("regression", score=0.0, score_low=0.0, score_high=0.0, baseline=baseline)
    decision = decide(run_gates(constant, load_limits("regression")))
    assert decision.outcome == "refuse"


@pytest.mark.parametrize("task", TASKS)
def test_a_candidate_that_cannot_be_compared_goes_on_to_the_person_who_approves(
    task: TaskName, make_candidate: MakeResult, load_limits: LoadLimits
) -> None:
    champion = {"version": 3, "score": None, "gain": None, "note": "the champion needs wear"}
    decision = decide(run_gates(make_candidate(task, champion=champion), load_limits(task)))
    assert decision.outcome == "production"
    assert "the champion needs wear" in decision.reasons[0]


@pytest.mark.parametrize("task", TASKS)
def test_a_model_that_is_too_good_is_stopped_by_the_gate_on_leakage(
    task: TaskName, make_candidate: MakeResult, load_limits: LoadLimits
) -> None:
    results = run_gates(make_candidate(task, score=0.99), load_limits(task))
    assert [result.name for result in results if not result.is_passed] == ["leakage"]


def test_a_regression_whose_gain_may_be_chance_is_stopped_by_the_gate_against_the_rule(
    make_candidate: MakeResult, load_limits: LoadLimits
) -> None:
    uncertain = {"feature": "units_last", "score": 0.38, "gain": 0.02, "gain_low": -0.01, "gain_high": 0.05}
    results = run_gates(make_candidate("regression", baseline=uncertain), load_limits("regression"))
    assert [result.name for result in results if not result.is_passed] == ["baseline"]


@pytest.mark.parametrize(("task", "title"), [("binary", "AUC"), ("regression", "D² absolute error")])
def test_reasons_name_the_score_of_the_task(
    task: TaskName, title: str, make_candidate: MakeResult, load_limits: LoadLimits
) -> None:
    reasons = {result.name: result.reason for result in run_gates(make_candidate(task), load_limits(task))}
    assert all(title in reasons[name] for name in ("baseline", "production", "interval", "leakage"))


def log_runs(uri: str, results: list[dict[str, Any]]) -> None:
    """Give each result a run of its own in MLflow."""
    for result in results:
        with open_run(uri, "machines_gates", result["family"], {}) as mlflow:
            result["run_id"] = mlflow.active_run().info.run_id


def read_tags(uri: str, run_id: str) -> dict[str, str]:
    """The tags of a run."""
    answer = httpx.get(f"{uri}/api/2.0/mlflow/runs/get", params={"run_id": run_id}).raise_for_status()
    return {tag["key"]: tag["value"] for tag in answer.json()["run"]["data"]["tags"]}


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_the_best_candidate_is_judged_and_the_judgement_written_onto_its_run(
    task: TaskName, make_candidate: MakeResult
) -> None:
    uri = start_shared_server().uri
    best, baseline = make_candidate(task, parity_difference=0.5), make_candidate(task, family="baseline")
    worse = {"folds": 1, "scores": [0.2], "metrics": dict.fromkeys(best["metrics"], 0.2)}
    other = make_candidate(task, family="linear", validation=worse)
    log_runs(uri, [other, best, baseline])
    judged = judge_candidates([other, best, baseline], uri, make_model(task))
    assert judged["decision"] == "refuse"
    assert judged["reasons"] == ["parity: the ONNX form differs by at most 0.5, 0.0001 is allowed"]
    assert (judged["candidate"], judged["baseline"]) == (best, baseline)
    assert [entry["family"] for entry in judged["ranking"]] == ["random_forest", "linear"]
    assert judged["gap"] > 0
    assert judged["failures"] == []
    assert json.loads(json.dumps(judged, allow_nan=False)) == judged
    tags = read_tags(uri, best["run_id"])
    assert tags["decision"] == "refuse"
    assert json.loads(tags["gates"]) == judged["gates"]
    assert json.loads(tags["ranking"]) == judged["ranking"]
    assert "decision" not in read_tags(uri, other["run_id"])


def test_without_the_baseline_nothing_is_judged(make_candidate: MakeResult) -> None:
    with pytest.raises(TrainingError, match="The baseline was not fitted"):
        judge_candidates([make_candidate()], "http://127.0.0.1:1", make_model("binary"))


def test_without_mlflow_the_judgement_is_not_lost_in_silence(make_candidate: MakeResult) -> None:
    results = [make_candidate(), make_candidate(family="baseline", run_id="run-0")]
    with pytest.raises(RegistryError, match="is away"):
        judge_candidates(results, f"http://127.0.0.1:{find_free_port()}", make_model("binary"))
