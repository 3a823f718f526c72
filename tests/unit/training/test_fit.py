"""One family's training, end to end against a real MLflow."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, replace
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from include.errors import RegistryError, TrainingError
from include.features.spec import ModelSpec
from include.registry.contract import SplitRule
from include.registry.onnx import OnnxModel
from include.registry.rest import MlflowRest
from include.servers.ports import find_free_port
from include.settings.models import TaskName
from include.settings.training import TrainingSettings
from include.tasks import TASKS
from include.training.entity_split import TEST_SHARE
from include.training.fit import TrainingLineage, fit_family, measure_family, train_model, validate_family
from include.training.splits import TrainingData, read_training_data
from tests.model.machines import KINDS, drop_features, load_training, make_frame, make_spec

FIGURES: dict[TaskName, set[str]] = {
    "binary": {"roc.png", "precision_recall.png", "gain.png", "calibration.png", "confusion.png"},
    "multiclass": {"calibration.png", "confusion.png"},
    "regression": {"calibration.png", "forecast.png", "errors.png"},
}


@dataclass(frozen=True)
class Training:
    """A training of one task and what came back from it."""

    task: TaskName
    frame: pd.DataFrame
    spec: ModelSpec
    settings: TrainingSettings
    result: dict[str, Any]

    @property
    def data(self) -> TrainingData:
        """The frame as arrays."""
        return read_training_data(self.frame, self.spec, self.settings)


@pytest.fixture(scope="module", params=list(FIGURES))
def training(request: pytest.FixtureRequest, tracking_uri: str, lineage: TrainingLineage) -> Training:
    """Gradient boosting of each task."""
    task: TaskName = request.param
    frame, spec, settings = make_frame(task), make_spec(task, f"machines_fit_{task}"), load_training(task)
    result = fit_family(frame, "gradient_boosting", spec, settings, lineage, tracking_uri)
    return Training(task, frame, spec, settings, result)


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


def test_the_result_is_light_finite_and_complete(training: Training) -> None:
    result = training.result
    drawn = {"curves", "importance", "parameters"}
    assert len(json.dumps({key: value for key, value in result.items() if key not in drawn}, allow_nan=False)) < 3000
    assert len(json.dumps(result, allow_nan=False)) < 12_000
    assert set(result) == drawn | {
        "family", "task", "run_id", "model_uri", "onnx_sha256", "score_name", "score", "score_low", "score_high",
        "metrics", "decision", "test_as_of_date", "training_seconds", "size_bytes", "parity_difference",
        "training_rows", "test_rows", "test_count", "single_feature", "single_feature_score", "baseline",
        "baseline_feature", "champion", "best_ever", "feature_set", "strategy", "parameters", "search", "notes",
        "validation", "selection_method", "selected_features", "assembled_at", "data_version", "feature_version",
        "code_revision", "trained_by",
    }  # fmt: skip
    assert (result["family"], result["task"], result["champion"]) == ("gradient_boosting", training.task, None)
    assert (result["training_rows"], result["test_rows"], result["test_as_of_date"]) == (1200, 400, "2017-12-04")
    lineage = {"data_version": "data-1", "feature_version": "machine_features=1", "trained_by": "scientist"}
    assert {key: result[key] for key in lineage} == lineage


def test_figures_belong_together(training: Training) -> None:
    result = training.result
    assert result["score_low"] < result["score"] < result["score_high"]
    assert result["metrics"]["score"] == result["metrics"][result["score_name"]] == result["score"]
    assert result["baseline"]["gain"] == pytest.approx(result["score"] - result["baseline"]["score"])
    assert 0 < result["baseline"]["gain_low"] < result["baseline"]["gain"] < result["baseline"]["gain_high"]
    assert result["baseline_feature"] is None
    assert result["single_feature"] == ("units_last" if training.task == "regression" else "wear")
    assert result["training_seconds"] > 0
    assert 0 <= result["parity_difference"] <= 1e-4


def test_what_ranks_a_family_is_measured_on_each_fold_and_not_on_the_test(
    training: Training, tracking_uri: str
) -> None:
    validation = training.result["validation"]
    assert validation["folds"] == len(validation["scores"]) > 1
    assert validation["metrics"]["score"] == pytest.approx(np.mean(validation["scores"]))
    assert set(validation["metrics"]) == set(training.result["metrics"])
    data, settings = training.data, training.settings
    turned = replace(data, test=replace(data.test, labels=data.test.labels[::-1].copy()))
    fitted = train_model(turned, "gradient_boosting", training.spec, settings)
    assert validate_family(fitted, turned, settings).scores == pytest.approx(validation["scores"])
    run = read_run(tracking_uri, training.result["run_id"])
    assert run["metrics"]["validation_score"] == pytest.approx(validation["metrics"]["score"])
    assert run["metrics"]["validation_fold_score"] == pytest.approx(validation["scores"][-1])


def test_the_run_holds_parameters_metrics_tags_and_figures(training: Training, tracking_uri: str) -> None:
    result = training.result
    run = read_run(tracking_uri, result["run_id"])
    assert run["info"]["status"] == "FINISHED"
    for name in ("score", result["score_name"], "score_low", "test_count"):
        assert run["metrics"][name] == pytest.approx(result["metrics"].get(name, result.get(name)))
    assert run["metrics"]["baseline_gain"] == pytest.approx(result["baseline"]["gain"])
    learning_rate = training.settings.parameters.gradient_boosting.learning_rate
    assert run["params"]["learning_rate"] == str(learning_rate)
    tags = ("family", "task", "data_version", "feature_version", "code_revision", "trained_by")
    assert {key: run["tags"][key] for key in tags} == {key: result[key] for key in tags}
    expected = {"importance.json", "importance.png", "contract.json", "sbom.json", *FIGURES[training.task]}
    assert list_artifacts(tracking_uri, result["run_id"]) == expected


def test_the_experiment_has_the_name_of_the_model(training: Training, tracking_uri: str) -> None:
    run = read_run(tracking_uri, training.result["run_id"])
    with MlflowRest(tracking_uri) as mlflow:
        found = mlflow.get("experiments/get-by-name", {"experiment_name": training.spec.name})
    assert found["experiment"]["experiment_id"] == run["info"]["experiment_id"]


def test_the_logged_model_is_the_one_that_was_measured(training: Training, tracking_uri: str) -> None:
    result, test = training.result, training.data.test
    model_id = result["model_uri"].removeprefix("models:/")
    with MlflowRest(tracking_uri) as mlflow:
        logged = mlflow.get(f"logged-models/{model_id}", {})["model"]["info"]
        content = mlflow.download(logged["artifact_uri"], "model.onnx")
        described = mlflow.download(logged["artifact_uri"], "MLmodel").decode()
    assert hashlib.sha256(content).hexdigest() == result["onnx_sha256"]
    assert len(content) == result["size_bytes"]
    assert "pickle" not in described.replace("python_function", "")
    onnx = OnnxModel(content)
    again = onnx.task.measure(test.labels, onnx.predict(test.matrix), result["decision"])
    assert again == pytest.approx(result["metrics"])


def test_the_contract_says_what_the_model_takes_and_means(training: Training) -> None:
    spec, settings = training.spec, training.settings
    contract = train_model(training.data, "random_forest", spec, settings).contract
    assert (contract.model, contract.task, contract.label) == (spec.name, spec.task, spec.label_column)
    assert (contract.entity, contract.features, contract.horizon_days) == (spec.entity, spec.features, 28)
    assert contract.groups == tuple(group.location for group in spec.groups)
    assert contract.test_as_of_date.isoformat() == training.result["test_as_of_date"]
    assert contract.split == SplitRule("time")


def test_the_contract_says_which_entities_it_has_not_learned_from(training: Training) -> None:
    settings = training.settings.model_copy(update={"split": "entity"})
    contract = train_model(training.data, "baseline", training.spec, settings).contract
    assert contract.split == SplitRule("entity", TEST_SHARE)


def test_the_baseline_takes_its_one_feature_and_gains_nothing_over_itself(
    training: Training, tracking_uri: str, lineage: TrainingLineage
) -> None:
    result = fit_family(training.frame, "baseline", training.spec, training.settings, lineage, tracking_uri)
    feature = "units_last" if training.task == "regression" else "wear"
    assert (result["baseline_feature"], result["baseline"]["feature"]) == (feature, feature)
    assert [result["baseline"][key] for key in ("gain", "gain_low", "gain_high")] == [0, 0, 0]
    assert result["score"] == pytest.approx(training.result["baseline"]["score"])
    fitted = train_model(training.data, "baseline", training.spec, training.settings)
    assert fitted.contract.feature_names == (feature,)


def test_a_single_feature_model_leaves_out_the_groups_that_it_does_not_read(training: Training) -> None:
    first, second = training.spec.groups[0], replace(training.spec.groups[0], name="further")
    moved = tuple(replace(item, group="further") if item.name == "paint" else item for item in training.spec.features)
    spec = replace(training.spec, groups=(first, second), features=moved)
    data = read_training_data(training.frame, spec, training.settings)
    baseline = train_model(data, "baseline", spec, training.settings)
    whole = train_model(data, spec_family(training.task), spec, training.settings)
    assert [group.name for group in baseline.contract.groups] == [first.name]
    assert [group.name for group in whole.contract.groups] == [first.name, "further"]


def spec_family(task: TaskName) -> str:
    """A family that is quick to fit."""
    return "ridge" if task == "regression" else "logistic_regression"


def test_the_threshold_follows_what_answers_earn_where_the_settings_say_so(settings: TrainingSettings) -> None:
    spec = make_spec("binary")
    data = read_training_data(make_frame("binary"), spec, settings)
    gains = {"true_positive": 20.0, "false_positive": -1.0, "false_negative": 0.0, "true_negative": 0.0}
    usual = train_model(data, "logistic_regression", spec, settings)
    valued_settings = settings.model_copy(update={"decision_gains": gains})
    valued = train_model(data, "logistic_regression", spec, valued_settings)

    task, validation = TASKS[spec.task], data.validation
    earned = [
        task.measure_profits(validation.labels, fitted.predict(validation), fitted.contract.decision, gains).sum()
        for fitted in (usual, valued)
    ]

    assert valued.contract.decision["threshold"] < usual.contract.decision["threshold"]
    assert earned[1] > earned[0]
    validated = validate_family(valued, data, valued_settings).metrics["recall"]
    assert validated > validate_family(usual, data, settings).metrics["recall"]


def test_the_decision_is_tuned_without_the_test_rows(training: Training) -> None:
    data = training.data
    other = replace(data, test=replace(data.test, labels=data.test.labels[::-1]))
    family = spec_family(training.task)
    first = train_model(data, family, training.spec, training.settings)
    assert train_model(other, family, training.spec, training.settings).onnx == first.onnx


def test_only_the_training_rows_are_learned_from(training: Training) -> None:
    data, family = training.data, spec_family(training.task)
    moved = {"validation": data.train, "test": data.train}
    first = train_model(data, family, training.spec, training.settings)
    second = train_model(replace(data, **moved), family, training.spec, training.settings)
    np.testing.assert_array_equal(first.predict(data.test), second.predict(data.test))


def test_a_form_that_answers_otherwise_is_measured_and_not_refused(training: Training) -> None:
    """The gate on parity decides; it could never fail if training did."""
    data, spec, settings = training.data, training.spec, training.settings
    fitted = train_model(data, "random_forest", spec, settings)
    other = train_model(data, spec_family(training.task), spec, settings)
    mixed_up = replace(fitted, onnx=other.onnx)
    baseline = train_model(data, "baseline", spec, settings)
    found = measure_family(mixed_up, OnnxModel(other.onnx), baseline, data, settings)
    assert 0.01 < found["parity_difference"] < math.inf


def test_a_feature_that_has_seen_the_label_is_measured_and_not_refused(training: Training) -> None:
    """The gate on leakage decides."""
    data = training.data
    leaky = training.frame.copy()
    leaky["temperature"] = np.concatenate([split.labels for split in (data.train, data.validation, data.test)])
    found = read_training_data(leaky, training.spec, training.settings)
    baseline = train_model(found, "baseline", training.spec, training.settings)
    result = measure_family(baseline, OnnxModel(baseline.onnx), baseline, found, training.settings)
    assert (result["single_feature"], result["single_feature_score"]) == ("temperature", pytest.approx(1.0))


def test_a_text_that_has_seen_the_label_is_measured_and_not_refused(training: Training) -> None:
    leaky = training.frame.copy()
    leaky["label"] = leaky["label"].round() if training.task == "regression" else leaky["label"]
    leaky["paint"] = "is " + leaky["label"].astype(str)
    found = read_training_data(leaky, training.spec, training.settings)
    baseline = train_model(found, "baseline", training.spec, training.settings)
    result = measure_family(baseline, OnnxModel(baseline.onnx), baseline, found, training.settings)
    assert result["single_feature"] == "paint"
    assert result["single_feature_score"] > 0.995


def test_a_feature_without_values_is_left_out_of_the_model(training: Training) -> None:
    empty = training.frame.assign(temperature=np.nan)
    data = read_training_data(empty, training.spec, training.settings)
    fitted = train_model(data, "gradient_boosting", training.spec, training.settings)
    assert set(fitted.contract.feature_names) == set(KINDS) - {"temperature"}
    assert len(OnnxModel(fitted.onnx).predict(data.test.matrix)) == 400


def test_without_a_numeric_feature_the_baseline_is_a_constant(
    training: Training, tracking_uri: str, lineage: TrainingLineage
) -> None:
    spec = drop_features(training.spec, "wear", "is_covered", "units_last", "temperature")
    spec = replace(spec, name=f"texts_{training.task}")
    result = fit_family(training.frame, "baseline", spec, training.settings, lineage, tracking_uri)
    assert (result["baseline_feature"], result["baseline"]["feature"]) == ("a constant", "a constant")
    assert result["parity_difference"] < 1e-4
    chance = 0 if training.task == "regression" else 0.5
    assert result["score"] == pytest.approx(chance, abs=0.05)
    data = read_training_data(training.frame, spec, training.settings)
    labels, fitted = data.train.labels, train_model(data, "baseline", spec, training.settings)
    answers = OnnxModel(fitted.onnx).predict(data.test.matrix)
    shares = np.bincount(labels.astype(int)) / len(labels)
    expected = {"binary": shares[1:2], "multiclass": shares, "regression": [np.median(labels)]}[training.task]
    np.testing.assert_allclose(np.unique(answers.reshape(len(answers), -1), axis=0), [expected], rtol=1e-3)
    better = fit_family(training.frame, spec_family(training.task), spec, training.settings, lineage, tracking_uri)
    assert better["baseline"]["gain"] > 0


def test_without_mlflow_no_work_is_spent(
    frame: pd.DataFrame, spec: ModelSpec, settings: TrainingSettings, lineage: TrainingLineage
) -> None:
    uri = f"http://127.0.0.1:{find_free_port()}"
    with pytest.raises(RegistryError, match=rf"MLflow at {uri} is away .*tried again"):
        fit_family(frame, "no such family", spec, settings, lineage, uri)


def test_a_training_set_that_is_unfit_is_refused(
    frame: pd.DataFrame, spec: ModelSpec, settings: TrainingSettings, lineage: TrainingLineage, tracking_uri: str
) -> None:
    with pytest.raises(TrainingError, match="too small: it has 0 positive"):
        fit_family(frame.assign(label=0), "baseline", spec, settings, lineage, tracking_uri)


def test_a_candidate_of_a_compared_set_takes_its_features_only_and_is_tagged(
    frame: pd.DataFrame, spec: ModelSpec, settings: TrainingSettings, lineage: TrainingLineage, tracking_uri: str
) -> None:
    small = tuple(item for item in spec.features if item.name in ("site", "is_covered"))
    compared = replace(spec, feature_sets={"small": small, "full": spec.features})

    result = fit_family(frame, "logistic_regression", compared, settings, lineage, tracking_uri, "small")

    run = read_run(tracking_uri, result["run_id"])
    assert (result["feature_set"], run["tags"]["feature_set"]) == ("small", "small")
    assert run["tags"]["mlflow.runName"] == "logistic_regression · small"
    assert run["params"]["n_features"] == "2"
    assert result["baseline"]["feature"] not in ("site", "is_covered")
    assert result["single_feature"] in ("site", "is_covered")


def test_a_set_that_is_not_compared_is_refused_by_name(
    frame: pd.DataFrame, spec: ModelSpec, settings: TrainingSettings, lineage: TrainingLineage, tracking_uri: str
) -> None:
    with pytest.raises(TrainingError, match=r"'smal'.*there are: small"):
        fit_family(
            frame, "logistic_regression", replace(spec, feature_sets={"small": spec.features}), settings, lineage,
            tracking_uri, "smal",
        )  # fmt: skip
