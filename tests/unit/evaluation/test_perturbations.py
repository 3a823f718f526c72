"""Rows as broken pipelines deliver them."""

from __future__ import annotations

import numpy as np
import pytest

from include.evaluation.perturbations import OUTLIER_SIZE, damage_rows, measure_spread
from include.features.matrix import FeatureMatrix
from tests.model.machines import make_model

LIMITS = make_model("binary").gates.robustness
DICE = np.random.default_rng(2)
ROWS = FeatureMatrix(
    np.column_stack([DICE.normal(10, 2, 4000), DICE.random(4000) < 0.5, np.full(4000, 7.0)]).astype(np.float32),
    np.array([["red"], ["blue"]] * 2000, dtype=object),
    ("wear", "is_covered", "constant"),
    ("paint",),
)
SPREAD = measure_spread(ROWS, frozenset({"is_covered"}))
DAMAGED = {(one.kind, one.column): one.matrix for one in damage_rows(ROWS, SPREAD, LIMITS, 1)}


def test_numbers_are_those_that_vary_and_are_no_booleans() -> None:
    assert SPREAD.is_number.tolist() == [True, False, False]
    assert SPREAD.means[0] == pytest.approx(10, abs=0.2)
    assert SPREAD.deviations[0] == pytest.approx(2, abs=0.1)


def test_every_kind_of_damage_is_done_once_and_one_column_at_a_time_where_it_is_systematic() -> None:
    assert list(DAMAGED) == [
        ("noise", None), ("missing values", None), ("outliers", None), ("another unit", "wear"), ("a shift", "wear"),
    ]  # fmt: skip


def test_noise_is_as_large_as_the_settings_say_and_touches_numbers_alone() -> None:
    change = DAMAGED["noise", None].numeric - ROWS.numeric
    assert change[:, 0].std() == pytest.approx(LIMITS.noise * SPREAD.deviations[0], rel=0.1)
    assert not change[:, 1:].any()


def test_missing_values_are_of_every_kind() -> None:
    gone = DAMAGED["missing values", None]
    assert np.isnan(gone.numeric).mean(axis=0) == pytest.approx([LIMITS.missing_share] * 3, abs=0.03)
    assert (gone.categorical == "").mean() == pytest.approx(LIMITS.missing_share, abs=0.03)


def test_outliers_are_rare_and_far_away() -> None:
    moved = DAMAGED["outliers", None].numeric[:, 0]
    is_hit = moved != ROWS.numeric[:, 0]
    assert is_hit.mean() == pytest.approx(LIMITS.outlier_share, abs=0.01)
    distance = np.abs(moved[is_hit] - SPREAD.means[0]) / SPREAD.deviations[0]
    assert distance == pytest.approx([OUTLIER_SIZE] * int(is_hit.sum()), rel=1e-3)


def test_a_unit_and_a_shift_move_one_column() -> None:
    np.testing.assert_allclose(
        DAMAGED["another unit", "wear"].numeric[:, 0], ROWS.numeric[:, 0] * LIMITS.unit_factor, rtol=1e-5
    )
    shift = DAMAGED["a shift", "wear"].numeric - ROWS.numeric
    assert shift[:, 0] == pytest.approx([LIMITS.shift * SPREAD.deviations[0]] * 4000, rel=1e-3)
    assert not shift[:, 1:].any()


def test_columns_that_are_missing_everywhere_stay_so() -> None:
    empty = FeatureMatrix(np.full((5, 1), np.nan, np.float32), np.empty((5, 0), object), ("a",), ())
    spread = measure_spread(empty, frozenset())
    assert [one.kind for one in damage_rows(empty, spread, LIMITS, 1)] == ["noise", "missing values", "outliers"]
