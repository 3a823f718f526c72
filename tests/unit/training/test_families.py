"""The families are built as the settings say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from include.errors import TrainingError
from include.settings.training import TrainingSettings
from include.training.dataset import list_features, take_split
from include.training.families import build_family, find_baseline_feature, read_parameters

CLASSIFIERS = {
    "baseline": "LogisticRegression",
    "logistic_regression": "LogisticRegression",
    "random_forest": "RandomForestClassifier",
    "gradient_boosting": "HistGradientBoostingClassifier",
}


@pytest.mark.parametrize("family", CLASSIFIERS)
def test_the_last_step_is_the_classifier_with_the_parameters_of_the_settings(
    settings: TrainingSettings, family: str
) -> None:
    classifier: Any = build_family(family, settings)[-1]
    parameters = read_parameters(family, settings)
    assert type(classifier).__name__ == CLASSIFIERS[family]
    assert {key: classifier.get_params()[key] for key in parameters} == parameters
    assert classifier.random_state == settings.random_seed


def test_every_family_of_the_settings_can_be_built(shipped: TrainingSettings) -> None:
    assert {type(build_family(family, shipped)).__name__ for family in shipped.families} == {"Pipeline"}


def test_an_unknown_family_is_refused(settings: TrainingSettings) -> None:
    with pytest.raises(TrainingError, match=r"no model family 'neural_network'; known: baseline, "):
        build_family("neural_network", settings)


def test_the_baseline_uses_the_feature_that_is_best_on_the_training_rows(
    frame: pd.DataFrame, settings: TrainingSettings
) -> None:
    train = take_split(frame, "train")
    names = [*list_features(frame), "oracle"]
    features = np.column_stack([train.features, train.labels + np.float32(0.1)]).astype(np.float32)
    model = build_family("baseline", settings).fit(features, train.labels)
    assert find_baseline_feature(model, names) == "oracle"
    disturbed = features.copy()
    disturbed[:, :-1] = 99
    np.testing.assert_array_equal(model.predict_proba(disturbed), model.predict_proba(features))


def test_other_families_have_no_single_feature(frame: pd.DataFrame, settings: TrainingSettings) -> None:
    assert find_baseline_feature(build_family("random_forest", settings), list_features(frame)) is None
