"""How well one feature alone ranks customers."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from include.training.baseline import measure_feature_aucs, rank_single_features

LABELS = np.random.default_rng(1).integers(0, 2, 300)
FEATURES = np.random.default_rng(2).integers(0, 9, (300, 4)).astype(np.float32) + LABELS[:, None] * [[3, 0, -2, 1]]
FEATURES = FEATURES.astype(np.float32)


def test_it_is_the_area_under_the_curve_in_the_better_direction() -> None:
    expected = [roc_auc_score(LABELS, column) for column in FEATURES.T]
    expected = [max(auc, 1 - auc) for auc in expected]
    np.testing.assert_allclose(measure_feature_aucs(FEATURES, LABELS), expected)


def test_a_missing_value_counts_as_the_median() -> None:
    holes = FEATURES.copy()
    holes[::7, 0] = np.nan
    filled = np.where(np.isnan(holes[:, 0]), np.nanmedian(holes[:, 0]), holes[:, 0])
    assert measure_feature_aucs(holes, LABELS)[0] == pytest.approx(roc_auc_score(LABELS, filled))


def test_features_that_say_nothing_are_worth_a_coin() -> None:
    nothing = np.full((300, 2), np.nan, np.float32)
    nothing[:, 1] = 5
    np.testing.assert_array_equal(measure_feature_aucs(nothing, LABELS), [0.5, 0.5])


def test_the_best_comes_first_and_names_decide_between_equals() -> None:
    twins = np.column_stack([FEATURES, FEATURES[:, 0]])
    ranked = rank_single_features(["zeta", "noise", "falling", "weak", "alpha"], twins, LABELS)
    assert [item.name for item in ranked] == ["alpha", "zeta", "falling", "weak", "noise"]
    assert ranked[0].auc == pytest.approx(roc_auc_score(LABELS, FEATURES[:, 0]))
