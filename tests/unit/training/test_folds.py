"""Folds of training cutoffs see nothing that was not known by then."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from include.settings.training import TrainingSettings
from include.tasks import TASKS
from include.tasks.task import Decision
from include.training.folds import hold_out_newest, list_folds, validate
from include.training.splits import TrainingData, read_training_data
from tests.model.machines import load_training, make_frame, make_spec

TASK = TASKS["binary"]


@pytest.fixture(scope="module")
def data() -> TrainingData:
    """A training set of which the training split has several cutoffs."""
    return read_training_data(make_frame("binary"), make_spec("binary", "machines_folds"), load_training("binary"))


@pytest.fixture
def settings() -> TrainingSettings:
    """As many folds as there are."""
    return load_training("binary").model_copy(update={"validation_folds": 9, "min_training_rows": 10})


def list_days(fold: TrainingData) -> tuple[set[date], set[date]]:
    return set(fold.train.days), set(fold.validation.days)


def test_each_fold_is_a_cutoff_after_those_whose_labels_were_known(
    data: TrainingData, settings: TrainingSettings
) -> None:
    cutoffs = sorted(set(data.train.days))
    folds = [list_days(fold) for fold in list_folds(data, TASK, 28, settings)]
    assert len(folds) == len(cutoffs) - 1 > 0
    for (earlier, later), expected in zip(folds, reversed(cutoffs), strict=False):
        assert later == {expected}
        assert earlier == {day for day in cutoffs if day + timedelta(days=28) <= expected}


def test_a_long_horizon_keeps_cutoffs_out_whose_labels_were_not_known_yet(
    data: TrainingData, settings: TrainingSettings
) -> None:
    for train, validation in (list_days(fold) for fold in list_folds(data, TASK, 50, settings)):
        assert max(train) + timedelta(days=50) <= min(validation)


def test_there_are_no_more_folds_than_are_asked_for_or_have_enough_rows(
    data: TrainingData, settings: TrainingSettings
) -> None:
    assert list(list_folds(data, TASK, 28, settings.model_copy(update={"validation_folds": 1}))) == []
    assert len(list(list_folds(data, TASK, 28, settings.model_copy(update={"validation_folds": 2})))) == 1
    too_few = settings.model_copy(update={"min_training_rows": len(data.train.labels)})
    assert list(list_folds(data, TASK, 28, too_few)) == []
    single = replace(data, train=data.train.take(data.train.days == max(data.train.days)))
    assert list(list_folds(single, TASK, 28, settings)) == []


def test_metrics_are_the_mean_over_the_folds(data: TrainingData, settings: TrainingSettings) -> None:
    decision: Decision = {"threshold": 0.5}

    def predict(fold: TrainingData) -> tuple[np.ndarray, Decision]:
        # Knows everything; on the validation split, nothing.
        return fold.validation.labels.astype(float), decision

    nothing = np.full(len(data.validation.labels), 0.3)
    found = validate(data, (nothing, decision), predict, TASK, 28, settings)
    assert found.scores[0] == pytest.approx(0.5)
    assert set(found.scores[1:]) == {1.0}
    assert found.metrics["auc"] == pytest.approx(np.mean(found.scores))


def test_the_newest_cutoff_is_held_out_from_those_whose_labels_were_known(
    data: TrainingData, settings: TrainingSettings
) -> None:
    [(fitted, held_out)] = hold_out_newest(data, TASK, 28, settings)
    [first, *_] = list_folds(data, TASK, 28, settings)
    np.testing.assert_array_equal(data.train.labels[fitted], first.train.labels)
    np.testing.assert_array_equal(data.train.days[held_out], first.validation.days)
    assert set(data.train.days[held_out]) == {max(data.train.days)}
    too_few = settings.model_copy(update={"min_training_rows": len(data.train.labels)})
    assert hold_out_newest(data, TASK, 28, too_few) == []
