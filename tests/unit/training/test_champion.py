"""A candidate is compared with the champion on the same rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest

from include.features.spec import ModelSpec
from include.registry.contract import SplitRule
from include.registry.ledger import RegisteredVersion, require_version
from include.settings.models import TaskName
from include.settings.training import TrainingSettings
from include.training.champion import compare_with_incumbents, find_difference
from include.training.fit import TrainingLineage, fit_family, train_model
from include.training.splits import read_training_data
from include.warehouse.session import open_session
from tests.model.machines import drop_features, load_training, make_frame, make_spec
from tests.unit.registry.planting import make_measured, plant_version

Promote = Callable[..., RegisteredVersion]


@pytest.fixture
def promote(warehouse_uri: str, settings: TrainingSettings, lineage: TrainingLineage, tracking_uri: str) -> Promote:
    """Trains a family; its version, which may be champion."""

    def run(frame: pd.DataFrame, family: str, spec: ModelSpec) -> RegisteredVersion:
        result = fit_family(frame, family, spec, settings, lineage, tracking_uri)
        number = plant_version(warehouse_uri, spec.name, result)
        with open_session(warehouse_uri) as session:
            return require_version(session, spec.name, number)

    return run


@pytest.mark.parametrize(("task", "family"), [("binary", "logistic_regression"), ("regression", "ridge")])
def test_a_champion_is_no_better_than_itself(
    task: TaskName,
    family: str,
    settings: TrainingSettings,
    lineage: TrainingLineage,
    tracking_uri: str,
    promote: Promote,
) -> None:
    frame, spec = make_frame(task), make_spec(task, f"machines_itself_{task}")
    version = promote(frame, family, spec)
    champion = fit_family(frame, family, spec, settings, lineage, tracking_uri, None, [version])["champion"]
    assert champion["version"] == version.version
    assert (champion["gain"], champion["gain_low"], champion["gain_high"]) == (0, 0, 0)


def test_a_champion_that_knows_less_is_beaten_on_its_own_features(
    frame: pd.DataFrame,
    spec: ModelSpec,
    settings: TrainingSettings,
    lineage: TrainingLineage,
    tracking_uri: str,
    promote: Promote,
) -> None:
    """The champion's features stand in another order than the candidate's."""
    fewer = drop_features(spec, "wear", "temperature")
    version = promote(frame, "logistic_regression", replace(fewer, features=fewer.features[::-1]))
    result = fit_family(frame, "random_forest", spec, settings, lineage, tracking_uri, None, [version])
    champion = result["champion"]
    assert champion["gain"] == pytest.approx(result["score"] - champion["score"])
    assert champion["score"] > 0.6
    assert champion["gain_low"] > 0
    assert "95 % interval" in champion["note"]


def test_the_registered_baseline_is_a_champion_like_any_other(
    frame: pd.DataFrame,
    spec: ModelSpec,
    settings: TrainingSettings,
    lineage: TrainingLineage,
    tracking_uri: str,
    promote: Promote,
) -> None:
    version = promote(frame, "baseline", spec)
    result = fit_family(frame, "gradient_boosting", spec, settings, lineage, tracking_uri, None, [version])
    assert result["champion"]["version"] == version.version
    compared = ("score", "gain", "gain_low", "gain_high")
    assert {key: result["champion"][key] for key in compared} == {key: result["baseline"][key] for key in compared}


def test_a_champion_still_answers_with_a_feature_that_new_models_leave_out(
    frame: pd.DataFrame,
    spec: ModelSpec,
    settings: TrainingSettings,
    lineage: TrainingLineage,
    tracking_uri: str,
    promote: Promote,
) -> None:
    version = promote(frame, "logistic_regression", spec)
    changed = frame.assign(temperature=None)
    result = fit_family(changed, "logistic_regression", spec, settings, lineage, tracking_uri, None, [version])
    assert result["champion"]["score"] > 0.8


def test_a_champion_whose_feature_is_gone_leaves_the_question_open(
    frame: pd.DataFrame, spec: ModelSpec, settings: TrainingSettings, tracking_uri: str, promote: Promote
) -> None:
    version = promote(frame, "logistic_regression", spec)
    fewer = drop_features(spec, "wear")
    data = read_training_data(frame, fewer, settings)
    fitted = train_model(data, "logistic_regression", fewer, settings)
    predictions = fitted.predict(data.test)
    found, best = compare_with_incumbents(tracking_uri, [version], fitted.contract, data.test, predictions, settings)
    assert found is not None
    assert (found.version, found.score, found.gain) == (version.version, None, None)
    assert "needs wear" in found.note
    assert best is None


def test_without_a_champion_there_is_nothing_to_compare_with(
    frame: pd.DataFrame, spec: ModelSpec, settings: TrainingSettings, tracking_uri: str
) -> None:
    data = read_training_data(frame, spec, settings)
    fitted = train_model(data, "baseline", spec, settings)
    predictions = fitted.predict(data.test)
    found = compare_with_incumbents(tracking_uri, [], fitted.contract, data.test, predictions, settings)
    assert found == (None, None)


def test_what_makes_two_models_incomparable_is_said() -> None:
    settings, spec = load_training("multiclass"), make_spec("multiclass")
    data = read_training_data(make_frame("multiclass"), spec, settings)
    contract = train_model(data, "baseline", spec, settings).contract
    matrix = data.test.matrix
    assert find_difference(contract, contract, matrix) is None
    fewer = replace(contract, decision={"classes": ["a", "b"]})
    assert "knows the classes a, b" in str(find_difference(fewer, contract, matrix))
    assert "predicts colour" in str(find_difference(replace(contract, label="colour"), contract, matrix))
    as_text = replace(contract, features=(replace(contract.features[0], kind="categorical"),))
    assert "needs wear" in str(find_difference(as_text, contract, matrix))


def test_a_champion_that_may_have_learned_from_the_tested_rows_is_not_compared() -> None:
    settings, spec = load_training("binary"), make_spec("binary")
    data = read_training_data(make_frame("binary"), spec, settings)
    by_time = train_model(data, "baseline", spec, settings).contract
    by_entity = replace(by_time, split=SplitRule("entity", 0.2))
    assert "has learned from rows" in str(find_difference(by_entity, by_time, data.test.matrix))
    assert find_difference(by_entity, by_entity, data.test.matrix) is None
    # and one of which it is not known is compared as before
    assert find_difference(replace(by_time, split=None), by_entity, data.test.matrix) is None


def test_a_champion_without_a_contract_leaves_the_question_open(
    warehouse_uri: str, frame: pd.DataFrame, spec: ModelSpec, settings: TrainingSettings, tracking_uri: str
) -> None:
    """It was registered by an earlier release."""
    import hashlib

    import onnx
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    from include.registry.tracking import open_run

    data = read_training_data(frame, spec, settings)
    fitted = train_model(data, "baseline", spec, settings)
    proto = onnx.load_model_from_string(fitted.onnx)
    del proto.metadata_props[:]
    import numpy as np

    tensors = Schema([TensorSpec(np.dtype(np.float32), (-1, 1), "numeric")])
    with open_run(tracking_uri, spec.name, "old", {}) as mlflow:
        logged = mlflow.onnx.log_model(
            proto,
            name="model",
            signature=ModelSignature(inputs=tensors),
            pip_requirements=[],
            save_as_external_data=False,
        )
        run_id = mlflow.active_run().info.run_id
    sha256 = hashlib.sha256(proto.SerializeToString()).hexdigest()
    measured = make_measured(run_id=run_id, model_uri=logged.model_uri, onnx_sha256=sha256)
    number = plant_version(warehouse_uri, spec.name, measured)
    with open_session(warehouse_uri) as session:
        version = require_version(session, spec.name, number)
    predictions = fitted.predict(data.test)
    found, _ = compare_with_incumbents(tracking_uri, [version], fitted.contract, data.test, predictions, settings)
    assert found is not None
    assert found.gain is None
    assert "holds no contract" in found.note


def test_the_best_that_ever_was_champion_is_found_among_those_that_can_answer(
    frame: pd.DataFrame,
    settings: TrainingSettings,
    lineage: TrainingLineage,
    tracking_uri: str,
    promote: Promote,
) -> None:
    spec = make_spec("binary", "machines_best_ever")
    good = promote(frame, "gradient_boosting", spec)
    poor = promote(frame, "logistic_regression", drop_features(spec, "wear"))
    result = fit_family(frame, "logistic_regression", spec, settings, lineage, tracking_uri, None, [poor, good])
    assert result["champion"]["version"] == poor.version
    assert result["best_ever"]["version"] == good.version
    assert result["best_ever"]["score"] > result["champion"]["score"]
    assert result["best_ever"]["gain_low"] <= result["best_ever"]["gain"] <= result["best_ever"]["gain_high"]
    alone = fit_family(frame, "logistic_regression", spec, settings, lineage, tracking_uri, None, [good])
    assert alone["best_ever"] == alone["champion"]
