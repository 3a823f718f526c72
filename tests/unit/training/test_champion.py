"""A candidate is compared with the champion on the same households."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from include.registry.registry import register_baseline, register_candidate, set_alias
from include.settings.training import TrainingSettings
from include.training.champion import compare_with_champion
from include.training.dataset import list_features, take_split
from include.training.fit import TrainingLineage, fit_family

Promote = Callable[..., int]


@pytest.fixture
def promote(frame: pd.DataFrame, settings: TrainingSettings, lineage: TrainingLineage, tracking_uri: str) -> Promote:
    """Trains a family on some columns and makes it the champion; returns its version."""

    def run(family: str, columns: list[str] | None = None) -> int:
        keys = ["as_of_date", "household_id", "split", "churned"]
        chosen = frame if columns is None else frame[keys + columns]
        result = fit_family(chosen, family, settings, lineage, tracking_uri)
        version = register_candidate(tracking_uri, settings.model_name, result, "production")
        set_alias(tracking_uri, settings.model_name, "champion", version)
        return version

    return run


def test_without_a_champion_there_is_nothing_to_compare_with(
    frame: pd.DataFrame, settings: TrainingSettings, tracking_uri: str
) -> None:
    test = take_split(frame, "test")
    names = list_features(frame)
    assert compare_with_champion(tracking_uri, settings, names, test, test.features[:, 0]) is None


def test_a_champion_is_no_better_than_itself(
    frame: pd.DataFrame,
    settings: TrainingSettings,
    lineage: TrainingLineage,
    tracking_uri: str,
    promote: Promote,
) -> None:
    version = promote("logistic_regression")
    champion = fit_family(frame, "logistic_regression", settings, lineage, tracking_uri)["champion"]
    assert champion["version"] == version
    assert (champion["gain"], champion["gain_low"], champion["gain_high"]) == (0, 0, 0)


def test_a_champion_that_knows_less_is_beaten_on_its_own_columns(
    frame: pd.DataFrame,
    settings: TrainingSettings,
    lineage: TrainingLineage,
    tracking_uri: str,
    promote: Promote,
) -> None:
    """The champion's columns stand in another order than the candidate's."""
    promote("logistic_regression", ["kids_count", "age_band", "orders_7d"])
    result = fit_family(frame, "random_forest", settings, lineage, tracking_uri)
    champion = result["champion"]
    assert champion["gain"] == pytest.approx(result["auc"] - champion["auc"])
    assert champion["auc"] > 0.6
    assert champion["gain_low"] > 0
    assert "95 % interval" in champion["note"]


def test_a_champion_whose_feature_is_gone_leaves_the_question_open(
    frame: pd.DataFrame, settings: TrainingSettings, tracking_uri: str, promote: Promote
) -> None:
    version = promote("logistic_regression")
    test = take_split(frame.drop(columns="recency_days"), "test")
    names = [name for name in list_features(frame) if name != "recency_days"]
    found = compare_with_champion(tracking_uri, settings, names, test, np.zeros(len(test.labels), np.float32))
    assert found is not None
    assert (found.version, found.auc, found.gain) == (version, None, None)
    assert "recency_days" in found.note


def test_the_registered_baseline_is_a_champion_like_any_other(
    frame: pd.DataFrame, settings: TrainingSettings, lineage: TrainingLineage, tracking_uri: str
) -> None:
    baseline = fit_family(frame, "baseline", settings, lineage, tracking_uri)
    version = register_baseline(tracking_uri, settings.model_name, baseline)
    champion = fit_family(frame, "gradient_boosting", settings, lineage, tracking_uri)["champion"]
    assert champion["version"] == version
    assert champion["auc"] == pytest.approx(baseline["auc"])
    assert baseline["baseline_feature"] == "orders_28d"
