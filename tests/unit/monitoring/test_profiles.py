"""Profiles: bins of a reference column."""

from __future__ import annotations

import numpy as np
import pytest

from include.errors import TrainingError
from include.monitoring.profiles import coarsen_bins, count_values, profile_column


def test_every_value_of_a_count_has_a_bin_of_its_own() -> None:
    profile = profile_column(np.array([0.0, 0.0, 1.0, 3.0, np.nan]))
    # missing, below, 0, between, 1, between, 3, above
    assert profile.counts.tolist() == [1, 0, 2, 0, 1, 0, 1, 0]


def test_values_outside_of_the_range_and_missing_ones_are_kept_apart() -> None:
    edges = profile_column(np.array([0.0, 1.0])).edges
    counts = count_values(np.array([-5.0, 0.0, 0.5, 1.0, 9.0, 9.0, np.nan]), edges)
    assert counts.tolist() == [1, 1, 1, 1, 1, 2]


def test_no_row_is_lost_or_counted_twice() -> None:
    rng = np.random.default_rng(1)
    values = np.where(rng.random(10_000) < 0.1, np.nan, rng.normal(size=10_000))
    profile = profile_column(values)
    assert profile.counts.sum() == 10_000
    assert profile.counts.size == profile.edges.size + 2
    assert profile.counts[0] == np.isnan(values).sum()


def test_coarse_bins_are_deciles_of_the_reference_besides_missing_and_both_ends() -> None:
    profile = profile_column(np.random.default_rng(2).normal(size=20_000))
    shares = np.bincount(coarsen_bins(profile.counts), weights=profile.counts) / 20_000
    assert shares[[0, 1, -1]].tolist() == [0, 0, 0]
    assert shares[2:-1] == pytest.approx(np.full(10, 0.1), abs=2e-3)


def test_a_heavy_value_takes_the_deciles_that_it_fills() -> None:
    # given 60 % zeros
    values = np.concatenate([np.zeros(6000), np.random.default_rng(3).uniform(1, 2, 4000)])
    profile = profile_column(values)
    shares = np.bincount(coarsen_bins(profile.counts), weights=profile.counts) / 10_000
    assert shares[2:-1] == pytest.approx([0.6, 0.1, 0.1, 0.1, 0.1], abs=2e-3)


def test_a_reference_without_rows_is_refused() -> None:
    with pytest.raises(TrainingError, match="without rows"):
        profile_column(np.empty(0))
