"""One family's training, end to end against a real MLflow."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from include.errors import LeakageSuspectedError, ParityError, RegistryError, TrainingError
from include.local.ports import find_free_port
from include.registry.onnx import OnnxModel
from include.registry.rest import MlflowRest
from include.settings.training import TrainingSettings
from include.training.dataset import list_features, take_split
from include.training.fit import TrainingLineage, fit_family, measure_family, train_model


def read_run(uri: str, run_id: str) -> dict[str, Any]:
    """Tags, parameters, metrics and status of a run, as MLflow has them."""
    answer = httpx.get(f"{uri}/api/2.0/mlflow/runs/get", params={"run_id": run_id}).raise_for_status().json()["run"]
    facts = {
        kind: {item["key"]: item["value"] for item in answer["data"].get(kind, [])}
        for kind in ("tags", "params", "metrics")
    }
    return {**facts, "info": answer["info"]}


def list_artifacts(uri: str, run_id: str) -> set[str]:
    """The files of a run."""
    answer = httpx.get(f"{uri}/api/2.0/mlflow/artifacts/list", params={"run_id": run_id}).raise_for_status()
    return {item["path"] for item in answer.json().get("files", [])}


def count_runs(uri: str, experiment: str) -> int:
    """How many runs an experiment holds."""
    with MlflowRest(uri) as mlflow:
        found = mlflow.find("experiments/get-by-name", {"experiment_name": experiment})
        if found is None:
            return 0
        answer = mlflow.send("runs/search", {"experiment_ids": [found["experiment"]["experiment_id"]]})
        return len(answer.get("runs", []))


@pytest.fixture(scope="module")
def model_settings(shipped: TrainingSettings) -> TrainingSettings:
    """Settings of the one training that several tests look at."""
    return shipped.model_copy(update={"model_name": "churn-fit", "experiment": "churn-fit", "min_training_rows": 100})


@pytest.fixture(scope="module")
def result(frame: pd.DataFrame, model_settings: TrainingSettings, tracking_uri: str) -> dict[str, Any]:
    """What came back from one training."""
    lineage = TrainingLineage("data-1", "features-1", "code-1", "scientist")
    return fit_family(frame, "gradient_boosting", model_settings, lineage, tracking_uri)


def test_the_result_is_light_and_carries_figures_and_lineage(result: dict[str, Any], frame: pd.DataFrame) -> None:
    assert len(json.dumps(result)) < 3000
    assert result["auc_low"] < result["auc"] < result["auc_high"]
    assert result["feature_names"] == list_features(frame)
    assert (result["family"], result["champion"], result["baseline_feature"]) == ("gradient_boosting", None, None)
    assert result["test_as_of_date"] == "2017-12-04"
    assert (result["test_rows"], result["test_positives"]) == (572, 80)
    assert result["training_rows"] == 2273
    lineage = {"data_version": "data-1", "feature_version": "features-1", "code_revision": "code-1"}
    assert {key: result[key] for key in lineage} == lineage
    assert result["training_seconds"] > 0
    assert result["parity_difference"] <= 1e-4


def test_the_run_holds_parameters_metrics_tags_and_figures(
    result: dict[str, Any], tracking_uri: str, model_settings: TrainingSettings
) -> None:
    run = read_run(tracking_uri, result["run_id"])
    assert run["info"]["status"] == "FINISHED"
    assert run["metrics"]["auc"] == pytest.approx(result["auc"])
    assert run["metrics"]["threshold"] == pytest.approx(result["threshold"])
    assert run["params"]["learning_rate"] == str(model_settings.parameters.gradient_boosting.learning_rate)
    tags = ("family", "data_version", "feature_version", "code_revision", "trained_by")
    assert {key: run["tags"][key] for key in tags} == {key: result[key] for key in tags}
    assert list_artifacts(tracking_uri, result["run_id"]) == {
        "calibration.png", "importance.json", "importance.png", "roc.png",
    }  # fmt: skip


def test_the_logged_model_is_the_one_that_was_measured(
    result: dict[str, Any], tracking_uri: str, frame: pd.DataFrame
) -> None:
    model_id = result["model_uri"].removeprefix("models:/")
    with MlflowRest(tracking_uri) as mlflow:
        logged = mlflow.get(f"logged-models/{model_id}", {})["model"]["info"]
        content = mlflow.download(logged["artifact_uri"], "model.onnx")
        described = mlflow.download(logged["artifact_uri"], "MLmodel").decode()
    assert hashlib.sha256(content).hexdigest() == result["onnx_sha256"]
    assert len(content) == result["size_bytes"]
    assert "features" in described
    assert "probabilities" in described
    assert "pickle" not in described.replace("python_function", "")
    test = take_split(frame, "test")
    predicted = OnnxModel(content).predict(test.features) >= result["threshold"]
    assert np.mean(predicted == test.labels) == pytest.approx(result["accuracy"])


def test_the_threshold_is_tuned_without_the_test_rows(frame: pd.DataFrame, settings: TrainingSettings) -> None:
    fitted = train_model(frame, "logistic_regression", settings)
    test = take_split(frame, "test")
    other = replace(test, labels=1 - test.labels)
    validation = take_split(frame, "validation")
    first = measure_family(fitted, validation, test, settings)
    assert measure_family(fitted, validation, other, settings)["threshold"] == first["threshold"]


def test_only_the_training_rows_are_learned_from(frame: pd.DataFrame, settings: TrainingSettings) -> None:
    changed = frame.copy()
    later = changed["split"] != "train"
    changed.loc[later, "churned"] = 1 - changed.loc[later, "churned"]
    changed.loc[later, list_features(frame)] *= 3
    assert train_model(changed, "random_forest", settings).onnx == train_model(frame, "random_forest", settings).onnx


def test_a_feature_that_knows_the_future_is_found(
    frame: pd.DataFrame, settings: TrainingSettings, lineage: TrainingLineage, tracking_uri: str
) -> None:
    leaky = frame.copy()
    leaky["next_order_days"] = np.where(leaky["churned"] == 1, 40.0, 3.0) + np.arange(len(leaky)) % 5
    with pytest.raises(LeakageSuspectedError, match=r"logistic_regression .* next_order_days \(alone 1\.000\)"):
        fit_family(leaky, "logistic_regression", settings, lineage, tracking_uri)
    assert count_runs(tracking_uri, settings.experiment) == 0


def test_a_model_whose_onnx_form_is_off_is_refused(frame: pd.DataFrame, settings: TrainingSettings) -> None:
    fitted = train_model(frame, "random_forest", settings)
    other = train_model(frame, "logistic_regression", settings)
    mixed_up = replace(fitted, onnx=other.onnx)
    with pytest.raises(ParityError, match="random_forest: the ONNX form says"):
        measure_family(mixed_up, take_split(frame, "validation"), take_split(frame, "test"), settings)


def test_without_mlflow_no_work_is_spent(
    frame: pd.DataFrame, settings: TrainingSettings, lineage: TrainingLineage
) -> None:
    uri = f"http://127.0.0.1:{find_free_port()}"
    with pytest.raises(RegistryError, match=rf"MLflow at {uri} is away .*tried again"):
        fit_family(frame, "no such family", settings, lineage, uri)


def test_a_training_set_that_is_unfit_is_refused(
    frame: pd.DataFrame, settings: TrainingSettings, lineage: TrainingLineage, tracking_uri: str
) -> None:
    one_sided = frame.assign(churned=0)
    with pytest.raises(TrainingError, match="one-sided"):
        fit_family(one_sided, "baseline", settings, lineage, tracking_uri)
