"""All gates on one candidate, and what follows."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import httpx
import pytest

from include.errors import RegistryError, SettingsError, TrainingError, WarehouseError
from include.evaluation.candidate import Candidate
from include.gates.decision import decide
from include.gates.gate import GATES, conclude, rank_results, run_gate
from include.gates.result import GateResult
from include.registry.tracking import open_run
from include.servers.ports import find_free_port
from include.settings.gates import GATE_NAMES
from include.settings.models import TaskName
from tests.model.candidates import HeldCandidate, change_gates, simulate, train_candidate, train_good, vary
from tests.model.machines import drop_features, make_model, make_spec
from tests.unit.gates.conftest import MakeResult
from tests.unit.gates.faults import FAULTS
from tests.unit.registry.mlflow_server import start_shared_server

TASKS: tuple[TaskName, ...] = ("binary", "multiclass", "regression")


def run_gates(candidate: Candidate) -> list[GateResult]:
    """What every gate says."""
    return [run_gate(name, candidate).result for name in GATES]


def test_every_gate_has_its_settings_and_every_section_its_gate() -> None:
    assert tuple(GATES) == GATE_NAMES


def test_every_gate_has_a_fault_that_it_alone_sees() -> None:
    assert {gate for gate, _ in FAULTS.values()} == set(GATES)


@pytest.mark.parametrize("task", TASKS)
def test_a_good_candidate_passes_every_gate(task: TaskName) -> None:
    results = run_gates(train_good(task))
    assert [result.reason for result in results if not result.is_passed] == []
    assert [result.name for result in results] == list(GATES)
    assert decide(results).outcome == "production"
    assert json.loads(json.dumps(list(map(asdict, results)), allow_nan=False))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_candidate_bad_in_one_way_alone_is_stopped_by_that_gate_alone(fault: str, task: TaskName) -> None:
    gate, spoil = FAULTS[fault]
    results = run_gates(spoil(task))
    assert {result.name: result.reason for result in results if not result.is_passed}.keys() == {gate}
    assert all(result.is_clear for result in results)
    assert json.dumps(list(map(asdict, results)), allow_nan=False)
    assert decide(results).outcome == ("staging" if gate == "evidence" else "refuse")


@pytest.mark.parametrize(("rule", "gain"), [(0.0, 0.0), (-0.1, 0.1)])
def test_a_forecast_that_is_no_better_than_the_median_is_refused_however_bad_the_rule_is(
    rule: float, gain: float
) -> None:
    baseline = {"feature": "wear", "score": rule, "gain": gain, "gain_low": gain, "gain_high": gain}
    constant = vary(train_good("regression"), score=0.0, score_low=0.0, score_high=0.0, baseline=baseline)
    assert decide([run_gate(name, constant).result for name in ("baseline", "interval")]).outcome == "refuse"


@pytest.mark.parametrize("task", TASKS)
def test_a_candidate_that_cannot_be_compared_goes_on_to_the_person_who_approves(task: TaskName) -> None:
    champion = {"version": 3, "score": None, "gain": None, "note": "the champion needs wear"}
    answer = run_gate("production", vary(train_good(task), champion=champion)).result
    decision = decide([answer])
    assert not answer.is_clear
    assert decision.outcome == "production"
    assert "the champion needs wear" in decision.reasons[0]


@pytest.mark.parametrize("task", TASKS)
def test_a_model_that_is_too_good_is_stopped_by_the_gate_on_leakage(task: TaskName) -> None:
    results = run_gates(vary(train_good(task), score=0.99))
    assert [result.name for result in results if not result.is_passed] == ["leakage"]


def test_a_regression_whose_gain_may_be_chance_is_stopped_by_the_gate_against_the_rule() -> None:
    uncertain = {"feature": "units_last", "score": 0.38, "gain": 0.02, "gain_low": -0.01, "gain_high": 0.05}
    assert not run_gate("baseline", vary(train_good("regression"), baseline=uncertain)).result.is_passed


@pytest.mark.parametrize(("task", "title"), [("binary", "AUC"), ("regression", "D² absolute error")])
def test_reasons_name_the_score_of_the_task(task: TaskName, title: str) -> None:
    champion = {"version": 3, "score": 0.4, "gain": 0.0, "gain_low": 0.0, "note": "alike"}
    candidate = vary(train_good(task), champion=champion)
    for name in ("baseline", "production", "interval", "leakage", "stability"):
        assert title in run_gate(name, candidate).result.reason


def test_a_person_whose_attributes_nobody_has_declared_is_left_to_the_one_who_approves() -> None:
    undeclared = change_gates(train_good("binary").model, fairness={"attributes": None})
    answer = run_gate("fairness", vary(train_good("binary"), model=undeclared)).result
    assert (answer.is_passed, answer.is_clear, answer.severity) == (False, False, "ask")
    assert decide([answer]).outcome == "production"


@pytest.mark.parametrize("name", ["baseline", "production", "parity", "evidence", "interval", "leakage", "size"])
def test_a_gate_on_figures_reads_neither_rows_nor_files(name: str) -> None:
    candidate = vary(train_good("binary"))
    assert run_gate(name, candidate).result.is_passed
    assert isinstance(candidate.source, HeldCandidate)
    assert candidate.source.asked == []


def test_a_candidate_that_cannot_be_measured_has_failed_the_gate() -> None:
    broken = vary(train_good("binary"), files={"gradient_boosting": b"no model"})
    answer = run_gate("calibration", broken).result
    assert (answer.is_passed, answer.is_clear, answer.severity, answer.observed) == (False, True, "blocking", None)
    assert "could not be measured: ServingError" in answer.reason
    assert decide([answer]).outcome == "refuse"


@pytest.mark.parametrize("error", [RegistryError("away"), WarehouseError("away"), SettingsError("no such column")])
def test_what_is_no_fault_of_the_candidate_is_raised(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> bytes:
        raise error

    candidate = vary(train_good("binary"))
    monkeypatch.setattr(HeldCandidate, "read_onnx", refuse)
    with pytest.raises(type(error)):
        run_gate("calibration", candidate)


def log_runs(uri: str, results: list[dict[str, Any]]) -> None:
    """Give each result a run of its own in MLflow."""
    for result in results:
        with open_run(uri, "machines_gates", result["family"], {}) as mlflow:
            result["run_id"] = mlflow.active_run().info.run_id


def read_tags(uri: str, run_id: str) -> dict[str, str]:
    """The tags of a run."""
    answer = httpx.get(f"{uri}/api/2.0/mlflow/runs/get", params={"run_id": run_id}).raise_for_status()
    return {tag["key"]: tag["value"] for tag in answer.json()["run"]["data"]["tags"]}


def answer_all(**changed: dict[str, Any]) -> list[dict[str, Any]]:
    """All gates pass, but for some changes."""
    return [
        asdict(GateResult(name, True, 0.1, 0.2, f"reason of {name}", "blocking")) | changed.get(name, {})
        for name in GATES
    ]


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_the_best_candidate_is_judged_and_the_judgement_written_onto_its_run(
    task: TaskName, make_candidate: MakeResult
) -> None:
    uri = start_shared_server().uri
    best, baseline = make_candidate(task), make_candidate(task, family="baseline")
    worse = {"folds": 1, "scores": [0.2], "metrics": dict.fromkeys(best["metrics"], 0.2)}
    other = make_candidate(task, family="linear", validation=worse)
    log_runs(uri, [other, best, baseline])
    ranked = rank_results([other, best, baseline], make_model(task))
    answers = answer_all(parity={"is_passed": False}, compliance={"reason": "x" * 900})
    judged = conclude(ranked, reversed(answers), uri)
    assert judged["decision"] == "refuse"
    assert judged["reasons"] == ["parity: reason of parity"]
    assert [answer["name"] for answer in judged["gates"]] == list(GATES)
    assert (judged["candidate"], judged["baseline"]) == (best, baseline)
    assert [entry["family"] for entry in judged["ranking"]] == ["random_forest", "linear"]
    assert judged["gap"] > 0
    assert judged["failures"] == []
    assert json.loads(json.dumps(judged, allow_nan=False)) == judged
    tags = read_tags(uri, best["run_id"])
    assert tags["decision"] == "refuse"
    written = json.loads(tags["gates"])
    assert [{**gate, "reason": ""} for gate in written] == [{**gate, "reason": ""} for gate in judged["gates"]]
    assert len(written[-1]["reason"]) < len(judged["gates"][-1]["reason"])
    assert json.loads(tags["ranking"]) == judged["ranking"]
    assert "decision" not in read_tags(uri, other["run_id"])


def test_the_longest_reasons_of_all_gates_fit_into_a_tag(make_candidate: MakeResult) -> None:
    uri = start_shared_server().uri
    best, baseline = make_candidate(), make_candidate(family="baseline")
    log_runs(uri, [best, baseline])
    wordy = {name: {"reason": "a reason of many words " * 80} for name in GATES}
    conclude(rank_results([best, baseline], make_model("binary")), answer_all(**wordy), uri)
    assert len(json.loads(read_tags(uri, best["run_id"])["gates"])) == len(GATES)


@pytest.mark.parametrize("answers", [answer_all()[1:], [*answer_all(), answer_all()[0]], []])
def test_without_the_answer_of_every_gate_nothing_is_decided(
    answers: list[dict[str, Any]], make_candidate: MakeResult
) -> None:
    ranked = rank_results([make_candidate(), make_candidate(family="baseline", run_id="b")], make_model("binary"))
    with pytest.raises(TrainingError, match="Clear the failed 'gate' tasks"):
        conclude(ranked, answers, "http://127.0.0.1:1")


def test_without_the_baseline_nothing_is_judged(make_candidate: MakeResult) -> None:
    with pytest.raises(TrainingError, match="The baseline was not fitted"):
        rank_results([make_candidate()], make_model("binary"))


def test_without_mlflow_the_judgement_is_not_lost_in_silence(make_candidate: MakeResult) -> None:
    results = [make_candidate(), make_candidate(family="baseline", run_id="run-0")]
    with pytest.raises(RegistryError, match="is away"):
        conclude(rank_results(results, make_model("binary")), answer_all(), f"http://127.0.0.1:{find_free_port()}")


@pytest.mark.parametrize("task", TASKS)
def test_a_model_of_categories_alone_is_measured_like_any_other(task: TaskName) -> None:
    spec = drop_features(make_spec(task), "wear", "is_covered", "units_last", "temperature")
    candidate = train_candidate(task, simulate(task), spec=spec)
    answers = {name: run_gate(name, candidate).result for name in GATES}
    assert [one.reason for one in answers.values() if "could not be measured" in one.reason] == []
    assert answers["robustness"].is_passed
    assert "a constant" in answers["value"].reason
