"""A family that cannot be fitted is recorded with its reason, and stops no other."""

from __future__ import annotations

import json
from typing import Any

import pytest

from include.errors import RegistryError, TrainingError
from include.gates.gate import rank_results
from include.registry.rest import MlflowRest
from include.servers.ports import find_free_port
from include.training import fit
from include.training.attempt import attempt_family, list_failures
from include.training.fit import TrainingLineage
from tests.model.machines import load_training, make_frame, make_model, make_spec

SPEC = make_spec("binary", "machines_attempt")
SETTINGS = load_training("binary")


def attempt(family: str, lineage: TrainingLineage, uri: str) -> dict[str, Any]:
    return attempt_family(make_frame("binary"), family, SPEC, SETTINGS, lineage, uri)


@pytest.fixture
def break_family(monkeypatch: pytest.MonkeyPatch) -> None:
    """One family raises whatever its library raises; the others are built as ever."""
    build = fit.build_family

    def build_or_raise(family: str, *arguments: Any) -> Any:
        if family == "random_forest":
            raise ValueError("n_estimators must be\n  positive")
        return build(family, *arguments)

    monkeypatch.setattr(fit, "build_family", build_or_raise)


def read_run(uri: str, run_id: str) -> dict[str, Any]:
    with MlflowRest(uri) as mlflow:
        run: dict[str, Any] = mlflow.get("runs/get", {"run_id": run_id})["run"]
    return run


@pytest.mark.usefixtures("break_family")
def test_the_others_are_judged_and_the_failure_is_on_record(tracking_uri: str, lineage: TrainingLineage) -> None:
    families = ("baseline", "logistic_regression", "random_forest")
    results = [attempt(family, lineage, tracking_uri) for family in families]
    failed = results[-1]
    assert failed["failure"] == "ValueError: n_estimators must be positive"
    run = read_run(tracking_uri, failed["run_id"])
    assert run["info"]["status"] == "FAILED"
    tags = {tag["key"]: tag["value"] for tag in run["data"]["tags"]}
    assert tags["failure"] == failed["failure"]
    assert tags["family"] == "random_forest"

    ranked = rank_results(results, make_model("binary"))
    assert [entry["family"] for entry in ranked["ranking"]] == ["logistic_regression"]
    assert ranked["failures"] == list_failures(results)
    assert ranked["failures"] == [
        {"name": "random_forest", "reason": failed["failure"], "run_id": failed["run_id"]}
    ]  # fmt: skip


@pytest.mark.usefixtures("break_family")
def test_where_every_candidate_fails_each_reason_is_said(tracking_uri: str, lineage: TrainingLineage) -> None:
    results = [attempt(family, lineage, tracking_uri) for family in ("baseline", "random_forest")]
    with pytest.raises(TrainingError, match="random_forest: ValueError: n_estimators must be positive"):
        rank_results(results, make_model("binary"))


def test_a_baseline_that_fails_stops_the_training(
    monkeypatch: pytest.MonkeyPatch, tracking_uri: str, lineage: TrainingLineage
) -> None:
    def refuse(*_: Any) -> None:
        raise ValueError("no rule")

    monkeypatch.setattr(fit, "train_model", refuse)
    with pytest.raises(ValueError, match="no rule"):
        attempt("baseline", lineage, tracking_uri)


def test_without_mlflow_the_task_is_tried_again(lineage: TrainingLineage) -> None:
    with pytest.raises(RegistryError, match="is away"):
        attempt("logistic_regression", lineage, f"http://127.0.0.1:{find_free_port()}")


def test_the_parameters_that_a_search_finds_are_fitted_and_on_record(
    tracking_uri: str, lineage: TrainingLineage, warehouse_uri: str
) -> None:
    spaces = {"random_forest": {"min_samples_leaf": {"low": 5, "high": 9}}}
    settings = load_training("binary", search={"method": "random", "trials": 3, "spaces": spaces})
    frame = make_frame("binary")
    result = attempt_family(frame, "random_forest", SPEC, settings, lineage, tracking_uri, studies_uri=warehouse_uri)
    run = read_run(tracking_uri, result["run_id"])
    params = {item["key"]: item["value"] for item in run["data"]["params"]}
    assert params["min_samples_leaf"] in ("5", "6", "7", "8", "9")
    assert (params["search_method"], params["search_trials"]) == ("random", "3")
    with MlflowRest(tracking_uri) as mlflow:
        files = mlflow.get("artifacts/list", {"run_id": result["run_id"]})["files"]
        told = json.loads(mlflow.download(run["info"]["artifact_uri"], "search.json"))
    assert {"search.json", "search.png"} <= {item["path"] for item in files}
    assert told["parameters"] == {"min_samples_leaf": int(params["min_samples_leaf"])}
    assert told["score"] == max(trial["score"] for trial in told["trials"])
    again = attempt_family(frame, "random_forest", SPEC, settings, lineage, tracking_uri, studies_uri=warehouse_uri)
    assert again["onnx_sha256"] == result["onnx_sha256"]
    assert again["metrics"] == result["metrics"]
