"""Selection keeps what tells of the label, drops the rest with a reason, and sees training rows alone."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from include.errors import TrainingError
from include.features.catalog import Feature
from include.features.spec import ModelSpec
from include.settings.models import TaskName
from include.tasks import TASKS
from include.training.feature_selection import CONSTANT_VALUE, NULL, FeatureSelection, select_features
from include.training.fit import TrainingLineage, fit_family
from include.training.splits import read_training_data
from tests.model.machines import load_training, make_frame, make_spec

METHODS = ("recursive_elimination", "importance", "mutual_information")
TASK_NAMES: tuple[TaskName, ...] = ("binary", "multiclass", "regression")


def select(
    task: TaskName, method: str, frame: pd.DataFrame, spec: ModelSpec, **changed: Any
) -> tuple[tuple[str, ...], FeatureSelection]:
    """The names of the features that are left to learn from, and what was said of each."""
    options = {"method": method, "max_features": None, "max_rows": 1000, "folds": 3, **changed}
    forest = {"n_estimators": 20, "min_samples_leaf": 10, "max_features": "sqrt"}
    usual = load_training(task).parameters.model_dump()
    settings = load_training(task, feature_selection=options, parameters={**usual, "random_forest": forest})
    data = read_training_data(frame, spec, settings)
    narrowed, selection = select_features(data, spec.features, "random_forest", TASKS[task], settings)
    assert selection is not None
    return tuple(item.name for item in narrowed.features), selection


def add_features(spec: ModelSpec, *names: str) -> ModelSpec:
    """The same model with some numeric features more."""
    added = tuple(Feature(name, "numeric", "machine_features") for name in names)
    return replace(spec, features=(*spec.features, *added))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("task", TASK_NAMES)
def test_what_decides_is_kept_and_every_feature_has_a_reason(task: TaskName, method: str) -> None:
    kept, selection = select(task, method, make_frame(task), make_spec(task))
    assert "wear" in kept
    assert set(kept) == set(selection.kept)
    assert {item.feature for item in selection.verdicts} == {item.name for item in make_spec(task).features}
    assert all(item.reason for item in selection.verdicts)


@pytest.mark.parametrize("method", METHODS)
def test_noise_is_dropped(method: str) -> None:
    generator, frame = np.random.default_rng(3), make_frame("binary")
    names = [f"noise_{index}" for index in range(4)]
    frame = frame.assign(**{name: generator.normal(size=len(frame)) for name in names})
    kept, _ = select("binary", method, frame, add_features(make_spec("binary"), *names))
    assert len(set(names) & set(kept)) <= 1, kept


@pytest.mark.parametrize("method", METHODS)
def test_a_feature_that_knows_only_the_later_rows_is_not_kept_for_it(method: str) -> None:
    frame = make_frame("binary")
    noise = np.random.default_rng(5).normal(size=len(frame))
    frame["prophet"] = np.where(frame["split"] == "train", noise, 10.0 * frame["label"] + noise)
    kept, selection = select("binary", method, frame, add_features(make_spec("binary"), "prophet"), max_features=3)
    # A forest favours numbers with many values (Strobl et al., 2007): elimination may keep noise before a weak boolean.
    assert method == "recursive_elimination" or "prophet" not in kept

    blind = frame.assign(prophet=noise)
    assert select("binary", method, blind, add_features(make_spec("binary"), "prophet"), max_features=3)[1] == selection


@pytest.mark.parametrize("method", METHODS)
def test_constant_and_null_features_are_dropped_with_that_reason(method: str) -> None:
    frame = make_frame("binary").assign(same=1.0, gone=np.nan)
    kept, selection = select("binary", method, frame, add_features(make_spec("binary"), "same", "gone"))
    reasons = {item.feature: item.reason for item in selection.verdicts if item.feature in ("same", "gone")}
    assert reasons == {"same": CONSTANT_VALUE, "gone": NULL}
    assert not {"same", "gone"} & set(kept)


@pytest.mark.parametrize("method", METHODS)
def test_no_more_than_max_features_are_kept_and_the_same_seed_keeps_the_same(method: str) -> None:
    once, again = (
        select("regression", method, make_frame("regression"), make_spec("regression"), max_features=2) for _ in "ab"
    )
    assert len(once[0]) <= 2
    assert once == again


def test_with_nothing_but_constants_selection_stops_with_the_reason() -> None:
    frame, spec = make_frame("binary").assign(same=1.0), make_spec("binary")
    with pytest.raises(TrainingError, match="Every feature is constant"):
        select("binary", "importance", frame, replace(spec, features=(Feature("same", "numeric", "machine_features"),)))


def test_the_version_takes_what_was_selected_and_its_run_has_the_reasons(
    frame: pd.DataFrame, spec: ModelSpec, lineage: TrainingLineage, tracking_uri: str
) -> None:
    options = {"method": "mutual_information", "max_features": 2, "max_rows": 1000, "folds": 3}
    settings = load_training("binary", feature_selection=options)
    result = fit_family(frame, "gradient_boosting", spec, settings, lineage, tracking_uri)

    def read(name: str) -> Any:
        query = {"run_uuid": result["run_id"], "path": name}
        return json.loads(httpx.get(f"{tracking_uri}/get-artifact", params=query).raise_for_status().text)

    record = read("feature_selection.json")
    kept = {item["feature"] for item in record["features"] if item["is_kept"]}
    assert record["method"] == result["selection_method"] == "mutual_information"
    assert {item["name"] for item in read("contract.json")["features"]} == kept
    assert len(kept) == result["selected_features"] == 2
    query = {"run_id": result["run_id"]}
    files = httpx.get(f"{tracking_uri}/api/2.0/mlflow/artifacts/list", params=query).raise_for_status().json()["files"]
    assert "feature_selection.png" in {item["path"] for item in files}
