"""Boosted trees of a trial end when more are no better on rows held out; their number comes out of the search."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import log_loss

from include.families.discovery import FAMILIES
from include.settings.task_name import TaskName
from include.settings.training import TrainingSettings
from include.tasks import TASKS
from include.training.families import build_estimator
from include.training.search.folds import FoldScorer
from include.training.search.run import SearchResult, leave_out_trees, search_data
from include.training.search.spaces import Choice, Range
from include.training.splits import TrainingData, read_training_data
from tests.model.machines import load_training, make_frame, make_spec

BOOSTED = ("gradient_boosting", "lightgbm", "xgboost")
TASK_NAMES: tuple[TaskName, ...] = ("binary", "multiclass", "regression")
SPACE = {"learning_rate": {"low": 0.05, "high": 0.5, "log": True}}


def ask(family: str, space: Any = SPACE, task: TaskName = "binary", **changed: Any) -> TrainingSettings:
    """Settings that search one family, whose fits end early."""
    options = {"method": "random", "trials": 5, "early_stopping_rounds": 5, "spaces": {family: space}, **changed}
    return load_training(task, search=options)


def search(data: TrainingData, family: str, settings: TrainingSettings) -> SearchResult:
    """Search in memory."""
    return search_data(data, family, make_spec("binary"), settings, "study", None)


@pytest.mark.parametrize("family", BOOSTED)
@pytest.mark.parametrize("task", TASK_NAMES)
def test_a_fit_that_ends_early_answers_as_one_of_so_many_trees(task: TaskName, family: str) -> None:
    rounds = FAMILIES[family].rounds
    assert rounds is not None
    settings, kind = ask(family, task=task), TASKS[task]
    data = read_training_data(make_frame(task), make_spec(task), settings)
    fold = FoldScorer(data, family, kind, 28, settings).folds[0]
    held_out = fold.held_out_inputs, fold.held_out_labels
    asked = build_estimator(family, kind, settings).set_params(**{rounds.parameter: 400, "learning_rate": 0.3})
    model, trees = rounds.fit(asked, (fold.inputs, fold.labels), held_out, 5)
    assert 1 <= trees < 400
    plain = build_estimator(family, kind, settings).set_params(**{rounds.parameter: trees, "learning_rate": 0.3})
    expected = kind.predict(plain.fit(fold.inputs, fold.labels), fold.held_out_inputs)
    np.testing.assert_allclose(kind.predict(model, fold.held_out_inputs), expected, rtol=1e-6)


@pytest.mark.parametrize("family", ["gradient_boosting", "lightgbm"])
def test_a_fit_with_weights_of_classes_looks_at_the_weighted_loss(data: TrainingData, family: str) -> None:
    rounds = FAMILIES[family].rounds
    assert rounds is not None
    settings = ask(family)
    fold = FoldScorer(data, family, TASKS["binary"], 28, settings).folds[0]
    asked = {rounds.parameter: 60, "learning_rate": 0.3, "class_weight": "balanced"}
    estimator = build_estimator(family, TASKS["binary"], settings).set_params(**asked)
    held_out = fold.held_out_inputs, fold.held_out_labels
    model, trees = rounds.fit(estimator, (fold.inputs, fold.labels), held_out, 5)
    # Each class weighs by its share among the rows that were fitted.
    shares = np.bincount(fold.labels) / len(fold.labels)
    weights = 1 / (2 * shares[fold.held_out_labels])
    probabilities = model.predict_proba(fold.held_out_inputs)
    losses = [log_loss(fold.held_out_labels, probabilities, sample_weight=one) for one in (weights, None)]
    assert losses[0] != pytest.approx(losses[1], rel=0.05)
    seen = {
        "gradient_boosting": lambda: -estimator.validation_score_[trees],
        "lightgbm": lambda: estimator.best_score_["valid_0"]["binary_logloss"],
    }
    assert seen[family]() == pytest.approx(losses[0], rel=1e-6)


@pytest.mark.parametrize("family", BOOSTED)
def test_labels_that_nothing_tells_of_end_a_fit_at_once(data: TrainingData, family: str) -> None:
    rounds = FAMILIES[family].rounds
    assert rounds is not None
    settings = ask(family)
    fold = FoldScorer(data, family, TASKS["binary"], 28, settings).folds[0]
    random = np.random.default_rng(5)
    drawn, others = (random.integers(0, 2, len(labels)) for labels in (fold.labels, fold.held_out_labels))
    estimator = build_estimator(family, TASKS["binary"], settings)
    _, trees = rounds.fit(estimator, (fold.inputs, drawn), (fold.held_out_inputs, others), 5)
    assert trees < 40


@pytest.mark.parametrize("family", BOOSTED)
def test_the_number_of_trees_is_found_and_not_searched(data: TrainingData, family: str) -> None:
    rounds = FAMILIES[family].rounds
    assert rounds is not None
    found = search(data, family, ask(family, {**SPACE, rounds.parameter: {"low": 50, "high": 80}}))
    usual, *others = found.trials
    # What the settings say is tried as it stands.
    assert rounds.parameter not in usual["parameters"]
    assert others
    assert {set(one["parameters"]) == {"learning_rate", rounds.parameter} for one in others} == {True}
    assert all(1 <= one["parameters"][rounds.parameter] <= 80 for one in others)
    best = max(found.trials, key=lambda one: one["score"])
    chosen = getattr(found.settings.parameters, family)
    kept = getattr(load_training("binary").parameters, family)
    expected = best["parameters"].get(rounds.parameter, getattr(kept, rounds.parameter))
    assert getattr(chosen, rounds.parameter) == expected


def test_the_mean_over_the_folds_is_the_number_of_trees(data: TrainingData) -> None:
    settings = ask("gradient_boosting")
    rounds = FAMILIES["gradient_boosting"].rounds
    assert rounds is not None
    found = search(data, "gradient_boosting", settings)
    scorer = FoldScorer(data, "gradient_boosting", TASKS["binary"], 28, settings)
    _, stopping = leave_out_trees(
        {"learning_rate": Range(0.05, 0.5, True, 4)}, "gradient_boosting",
        settings.parameters.gradient_boosting, settings.search,
    )  # fmt: skip
    assert stopping is not None
    tried = found.trials[1]["parameters"]
    usual = settings.parameters.gradient_boosting.model_copy(update={"learning_rate": tried["learning_rate"]})
    chosen = settings.model_copy(
        update={"parameters": settings.parameters.model_copy(update={"gradient_boosting": usual})}
    )
    measured = [scorer.score_stopped(fold, chosen, stopping) for fold in scorer.folds]
    assert tried["max_iter"] == round(np.mean([trees for _, trees in measured]))
    assert found.trials[1]["score"] == pytest.approx(np.mean([score for score, _ in measured]))


def test_the_most_trees_are_the_highest_of_the_space_or_the_settings_own() -> None:
    settings = ask("xgboost")
    usual, options = settings.parameters.xgboost, settings.search
    rate, number = Range(0.1, 0.5, True, 4), Range(50, 300, True, 4)

    def most(space: Any) -> tuple[set[str], int | None]:
        left, stopping = leave_out_trees(space, "xgboost", usual, options)
        return set(left), None if stopping is None else stopping.most_trees

    assert most({"learning_rate": rate, "n_estimators": number}) == ({"learning_rate"}, 300)
    assert most({"learning_rate": rate, "n_estimators": Choice(("100", "90"))}) == ({"learning_rate"}, 100)
    assert most({"learning_rate": rate}) == ({"learning_rate"}, usual.n_estimators)
    # Where nothing else is searched, it is.
    assert most({"n_estimators": number}) == ({"n_estimators"}, None)
    off = options.model_copy(update={"early_stopping_rounds": None})
    assert leave_out_trees({"learning_rate": rate}, "xgboost", usual, off)[1] is None
    assert (
        leave_out_trees({"C": rate}, "logistic_regression", settings.parameters.logistic_regression, options)[1] is None
    )
