"""Profiles: bins of a reference column."""

from __future__ import annotations

import numpy as np
import pytest

from include.errors import TrainingError
from include.monitoring.profiles import (
    FINE_BINS,
    MAX_CATEGORIES,
    CategoryProfile,
    NumericProfile,
    profile_column,
    profile_numbers,
)


def to_texts(*values: str) -> np.ndarray:
    """Text as in a feature matrix."""
    return np.array(values, dtype=object)


def share_of_groups(profile: NumericProfile | CategoryProfile) -> list[float]:
    """The share of the reference in each PSI bin."""
    return list(np.bincount(profile.group_bins(), weights=profile.counts) / profile.counts.sum())


def test_every_value_of_a_count_has_a_bin_of_its_own() -> None:
    profile = profile_column(np.array([0.0, 0.0, 1.0, 3.0, np.nan]))
    # missing, below, 0, between, 1, between, 3, above
    assert profile.counts.tolist() == [1, 0, 2, 0, 1, 0, 1, 0]


def test_values_outside_of_the_range_and_missing_ones_are_kept_apart() -> None:
    counts = profile_column(np.array([0.0, 1.0])).count(np.array([-5.0, 0.0, 0.5, 1.0, 9.0, 9.0, np.nan]))
    assert counts.tolist() == [1, 1, 1, 1, 1, 2]


@pytest.mark.parametrize("size", [1, 2, 7, FINE_BINS, FINE_BINS + 1, 5000])
def test_edges_are_quantiles_of_the_reference(size: int) -> None:
    values = np.random.default_rng(size).integers(0, 2000, size).astype(float)
    quantiles = np.quantile(values, np.linspace(0, 1, FINE_BINS + 1), method="inverted_cdf")

    edges = profile_numbers(values).edges

    assert edges.tolist() == sorted({*quantiles.tolist(), *np.nextafter(quantiles, -np.inf).tolist()})


def test_no_row_is_lost_or_counted_twice() -> None:
    rng = np.random.default_rng(1)
    values = np.where(rng.random(10_000) < 0.1, np.nan, rng.normal(size=10_000)).astype(np.float32)
    profile = profile_numbers(values)
    assert profile.counts.sum() == 10_000
    assert profile.counts.size == profile.edges.size + 2 == profile.group_bins().size
    assert profile.counts[0] == np.isnan(values).sum()
    assert profile.count(values).tolist() == profile.counts.tolist()


def test_psi_bins_are_deciles_of_the_reference_besides_missing_and_both_ends() -> None:
    shares = share_of_groups(profile_column(np.random.default_rng(2).normal(size=20_000)))
    assert (*shares[:2], shares[-1]) == (0, 0, 0)
    assert shares[2:-1] == pytest.approx(np.full(10, 0.1), abs=2e-3)


@pytest.mark.parametrize("zeros", [0.07, 0.6, 0.82, 0.985])
def test_a_value_of_which_there_are_many_has_a_psi_bin_of_its_own(zeros: float) -> None:
    # given many zeros, few values below and some above
    rng = np.random.default_rng(3)
    is_zero = rng.random(20_000) < zeros
    values = np.where(is_zero, 0.0, rng.normal(1, 1, 20_000))
    profile = profile_numbers(values)

    groups = profile.group_bins()
    zero_bin = groups[profile.count(np.zeros(1)).argmax()]
    mates = (groups == zero_bin) & (profile.counts > 0)

    assert mates.sum() == 1
    assert share_of_groups(profile)[zero_bin] == pytest.approx(is_zero.mean())


def test_psi_bins_keep_the_order_of_the_values() -> None:
    rng = np.random.default_rng(4)
    groups = profile_column(np.where(rng.random(5000) < 0.5, 0.0, rng.normal(size=5000))).group_bins()
    assert (np.diff(groups) >= 0).all()


@pytest.mark.parametrize("values", [np.full(5, np.nan), np.zeros(5)])
def test_a_column_without_or_with_one_value_has_a_profile(values: np.ndarray) -> None:
    profile = profile_column(values)
    assert profile.counts.sum() == 5
    assert profile.group_bins().size == profile.counts.size


def test_categories_are_counted_missing_first_then_unseen_then_by_frequency() -> None:
    profile = profile_column(to_texts("b", "a", "a", "", "c", "b", "a"))
    assert isinstance(profile, CategoryProfile)
    assert profile.categories == ("a", "b", "c")
    assert profile.counts.tolist() == [1, 0, 3, 2, 1]
    assert profile.count(to_texts("z", "", "y", "b")).tolist() == [1, 2, 0, 1, 0]


def test_rare_categories_share_a_psi_bin_and_unseen_ones_have_another() -> None:
    # given two frequent categories and twenty rare ones
    values = to_texts(*(["a"] * 600 + ["b"] * 400 + [f"rare {index}" for index in range(10)] * 2))
    profile = profile_column(values)
    # then missing, unseen, a, b, the rare ones
    assert profile.group_bins().tolist() == [0, 1, 2, 3, *[4] * 10]


def test_of_very_many_categories_the_frequent_ones_are_kept() -> None:
    values = to_texts(*(["often"] * 5), *(f"once {index:05}" for index in range(MAX_CATEGORIES + 200)))
    profile = profile_column(values)
    assert isinstance(profile, CategoryProfile)
    assert len(profile.categories) == MAX_CATEGORIES
    assert profile.categories[0] == "often"
    assert profile.counts.sum() == values.size


def test_a_reference_without_rows_is_refused() -> None:
    for empty in (np.empty(0), np.empty(0, dtype=object)):
        with pytest.raises(TrainingError, match="without rows"):
            profile_column(empty)
