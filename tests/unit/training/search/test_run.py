"""A search finds what is better on folds of the training rows, within its budget, and gives the same twice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from include.settings.training import TrainingSettings
from include.tasks import TASKS
from include.training.search.folds import FoldScorer, split_training_rows
from include.training.search.run import SearchResult, search_data, search_parameters
from include.training.splits import TrainingData
from tests.model.machines import load_training, make_spec

SPEC = make_spec("binary")
SPACES = {"logistic_regression": {"C": {"low": 1e-5, "high": 10.0, "log": True}}}
METHODS = ("grid", "random", "halving", "optuna")


def ask(method: str, trials: int = 8, **changed: Any) -> TrainingSettings:
    """Settings that search, from a bad start."""
    usual = load_training("binary").parameters.model_dump()
    parameters = {**usual, "logistic_regression": {**usual["logistic_regression"], "C": 1e-5}}
    search = {"method": method, "trials": trials, "spaces": SPACES, **changed}
    return load_training("binary", parameters=parameters, search=search)


def search(data: TrainingData, settings: TrainingSettings, name: str = "study") -> SearchResult:
    """Search in memory."""
    return search_data(data, "logistic_regression", SPEC, settings, name, None)


@pytest.mark.parametrize("method", METHODS)
def test_what_is_found_is_better_than_a_bad_start_and_goes_into_the_settings(data: TrainingData, method: str) -> None:
    found = search(data, ask(method))
    assert found.score is not None
    assert found.parameters["C"] > 1e-4
    assert found.parameters["C"] == found.settings.parameters.logistic_regression.C
    assert found.settings.parameters.logistic_regression.max_iter == 500
    if method != "grid":
        assert found.trials[0]["parameters"] == {"C": 1e-5}
    if found.usual_score is not None:
        assert found.score > found.usual_score


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_trials(data: TrainingData, method: str) -> None:
    first, second = (search(data, ask(method)) for _ in range(2))
    told = [[(one["state"], one["score"], one["parameters"]) for one in found.trials] for found in (first, second)]
    assert told[0] == told[1]
    assert len({str(one["parameters"]) for one in first.trials}) > 3


def test_the_score_is_the_mean_over_the_folds_of_the_parameters(data: TrainingData) -> None:
    settings = ask("random")
    found = search(data, settings)
    scorer = FoldScorer(data, "logistic_regression", TASKS["binary"], SPEC.horizon_days, settings)
    again = [scorer.score(fold, found.settings) for fold in scorer.folds]
    assert len(again) == found.folds > 1
    assert found.score == pytest.approx(np.mean(again))


def test_a_fold_scores_what_the_whole_pipeline_would(data: TrainingData) -> None:
    from include.training.compare import measure_score
    from include.training.families import build_family, build_inputs

    settings, task = load_training("binary"), TASKS["binary"]
    for family in ("logistic_regression", "gradient_boosting", "random_forest"):
        scorer = FoldScorer(data, family, task, SPEC.horizon_days, settings)
        fold = next(iter(split_training_rows(data, task, SPEC.horizon_days, settings)))
        names = [item.name for item in data.features]
        train, held_out = (
            split.matrix.select(sorted(names, key=lambda name: name in split.matrix.categorical_names))
            for split in (fold.train, fold.validation)
        )
        model = build_family(family, train, task, settings).fit(build_inputs(train), fold.train.labels)
        expected = measure_score(task, fold.validation.labels, task.predict(model, build_inputs(held_out)))
        assert scorer.score(scorer.folds[0], settings) == pytest.approx(expected)


def test_neither_validation_nor_test_rows_are_looked_at(data: TrainingData) -> None:
    turned = {
        name: replace(split, labels=split.labels[::-1].copy())
        for name, split in (("validation", data.validation), ("test", data.test))
    }
    first, second = search(data, ask("random")), search(replace(data, **turned), ask("random"))
    assert [one["score"] for one in first.trials] == [one["score"] for one in second.trials]


def test_folds_follow_time_with_the_label_s_horizon_between(data: TrainingData) -> None:
    settings = ask("random")
    folds = list(split_training_rows(data, TASKS["binary"], SPEC.horizon_days, settings))
    assert len(folds) > 1
    for fold in folds:
        assert (max(fold.validation.days) - max(fold.train.days)).days >= SPEC.horizon_days
        assert max(fold.validation.days) <= max(data.train.days)


def test_folds_are_drawn_with_the_classes_in_their_shares_where_asked(data: TrainingData) -> None:
    folds = list(split_training_rows(data, TASKS["binary"], SPEC.horizon_days, ask("random", folds="stratified")))
    share = data.train.labels.mean()
    assert [abs(float(fold.validation.labels.mean() - share)) < 0.005 for fold in folds] == [True] * 3
    assert sum(len(fold.validation.labels) for fold in folds) == len(data.train.labels)


def test_rows_are_drawn_where_time_gives_no_fold(data: TrainingData) -> None:
    settings = ask("random", folds="time").model_copy(update={"min_training_rows": 10_000})
    assert len(list(split_training_rows(data, TASKS["binary"], SPEC.horizon_days, settings))) == 3


def test_trials_that_fall_behind_are_given_up(data: TrainingData) -> None:
    states = {method: [one["state"] for one in search(data, ask(method, 16)).trials] for method in METHODS}
    assert "pruned" in states["halving"]
    assert "pruned" not in states["random"] + states["grid"]
    assert {method: len(found) for method, found in states.items()} == {
        "grid": 4, "random": 16, "halving": 16, "optuna": 16,
    }  # fmt: skip


def test_the_search_ends_with_its_patience_and_with_its_seconds(data: TrainingData) -> None:
    assert len(search(data, ask("random", 50, patience=3)).trials) < 50
    assert len(search(data, ask("random", 50, seconds=1e-6)).trials) == 1


def test_nothing_is_searched_unless_the_settings_ask(data: TrainingData) -> None:
    usual = load_training("binary")
    assert search_parameters(data, "logistic_regression", SPEC, usual, "data-1") is None
    assert search_parameters(data, "baseline", SPEC, ask("random"), "data-1") is None
    assert search_parameters(data, "random_forest", SPEC, ask("random"), "data-1") is None
    found = search_parameters(data, "logistic_regression", SPEC, ask("random"), "data-1")
    assert found is not None
    assert found.summarise() == {
        "method": "random", "study": found.study, "trials": 8, "score": found.score, "usual_score": found.usual_score,
    }  # fmt: skip
