"""Drift: each statistic against a value from elsewhere, each rule against data that breaks it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from include.monitoring.drift import (
    ColumnDrift,
    DriftReport,
    compare_columns,
    find_large_distance,
    measure_ks,
    measure_psi,
)
from include.monitoring.profiles import profile_column
from include.settings.monitoring import DriftSettings
from tests.unit.monitoring.shared_settings import SETTINGS as SHARED

SETTINGS = SHARED.drift


def compare(reference: np.ndarray, current: np.ndarray, settings: DriftSettings = SETTINGS) -> ColumnDrift:
    """One column compared on its own."""
    return compare_columns({"x": profile_column(reference)}, {"x": current}, settings)[0]


def test_psi_equals_the_sum_worked_out_by_hand() -> None:
    # given 50/50 that became 90/10
    reference, current = np.array([50, 50]), np.array([90, 10])
    # then (0.9 - 0.5) ln(0.9 / 0.5) + (0.1 - 0.5) ln(0.1 / 0.5) = 0.8789
    assert measure_psi(reference, current, smoothing=0) == pytest.approx(0.87889, abs=1e-5)


def test_psi_of_equal_shares_is_zero_whatever_the_sizes() -> None:
    assert measure_psi(np.array([10, 30]), np.array([100, 300]), smoothing=0) == 0


def test_smoothing_keeps_the_psi_of_an_empty_bin_finite_and_as_documented() -> None:
    # given p = (10.5, 0.5) / 11 and q = (5.5, 5.5) / 11 with half a row added to each bin
    expected = (5.5 - 10.5) / 11 * math.log(5.5 / 10.5) + (5.5 - 0.5) / 11 * math.log(5.5 / 0.5)
    assert measure_psi(np.array([10, 0]), np.array([5, 5])) == pytest.approx(expected)


def test_psi_between_samples_of_one_population_is_what_its_docstring_says() -> None:
    rng = np.random.default_rng(1)
    observed = [compare(rng.normal(size=2000), rng.normal(size=2000)).psi for _ in range(200)]
    assert np.mean(observed) == pytest.approx(9 * (1 / 2000 + 1 / 2000), rel=0.25)


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("sizes", [(6000, 2200), (400, 300)])
def test_ks_of_continuous_values_equals_scipy(shift: float, sizes: tuple[int, int]) -> None:
    rng = np.random.default_rng(2)
    reference, current = rng.gamma(2, size=sizes[0]), rng.gamma(2, size=sizes[1]) + shift
    exact = stats.ks_2samp(reference, current, method="asymp")
    found = compare(reference, current)
    assert found.ks_statistic == pytest.approx(exact.statistic, abs=1 / 1024)
    assert found.p_value == pytest.approx(exact.pvalue, rel=0.15, abs=1e-3)


@pytest.mark.parametrize("rate", [0.3, 0.36, 3.0])
def test_ks_of_counts_with_many_ties_equals_scipy_exactly(rate: float) -> None:
    rng = np.random.default_rng(3)
    reference, current = rng.poisson(0.3, 6000).astype(float), rng.poisson(rate, 2200).astype(float)
    exact = stats.ks_2samp(reference, current, method="asymp")
    assert compare(reference, current).ks_statistic == pytest.approx(exact.statistic, abs=1e-12)


def test_ks_counts_missing_values_as_lowest() -> None:
    rng = np.random.default_rng(4)
    reference, current = rng.normal(size=3000), rng.normal(size=2000)
    reference[:300], current[:900] = np.nan, np.nan
    exact = stats.ks_2samp(np.nan_to_num(reference, nan=-99), np.nan_to_num(current, nan=-99), method="asymp")
    found = compare(reference, current)
    assert found.ks_statistic == pytest.approx(exact.statistic, abs=1 / 1024)
    assert (found.missing_share_reference, found.missing_share_current) == (0.1, 0.45)


def test_ks_p_value_has_the_size_that_it_promises() -> None:
    # given 1,000 pairs of samples of one population
    rng = np.random.default_rng(5)
    profile = profile_column(rng.normal(size=100_000))
    p_values = np.array(
        [measure_ks(profile.count(rng.normal(size=500)), profile.count(rng.normal(size=400)))[1] for _ in range(1000)]
    )
    # then about 5 % are below 0.05
    assert 0.02 < (p_values < 0.05).mean() < 0.07


def test_nothing_to_compare_is_no_drift() -> None:
    assert compare_columns({}, {}, SETTINGS) == ()


def test_a_large_and_certain_shift_is_drift() -> None:
    rng = np.random.default_rng(6)
    found = compare(rng.normal(size=6000), rng.normal(size=2200) + 0.6)
    assert found.psi > 0.2
    assert found.p_value_adjusted < 0.01
    assert found.is_drifted


def test_a_certain_shift_that_is_small_is_no_drift() -> None:
    # given so many rows that the KS test is sure of a shift of a tenth of a deviation
    rng = np.random.default_rng(7)
    found = compare(rng.normal(size=200_000), rng.normal(size=200_000) + 0.1)
    assert found.p_value_adjusted < 1e-9
    assert not found.is_drifted


def test_a_large_psi_that_may_be_chance_is_no_drift() -> None:
    # given so few rows that the PSI is large between samples of one population
    rng = np.random.default_rng(8)
    found = compare(rng.normal(size=60), rng.normal(size=60))
    assert found.psi > 0.2
    assert not found.is_drifted


def test_more_missing_values_alone_are_drift() -> None:
    rng = np.random.default_rng(9)
    reference, current = rng.normal(size=6000), rng.normal(size=2200)
    current[:660] = np.nan
    assert compare(reference, current).is_drifted


@pytest.mark.parametrize("value", [-1.0, 1.0, np.nan])
def test_a_constant_that_became_another_is_drift(value: float) -> None:
    assert compare(np.zeros(3000), np.full(2000, value)).is_drifted


def test_a_column_that_was_always_missing_and_now_has_values_is_drift() -> None:
    assert compare(np.full(3000, np.nan), np.ones(2000)).is_drifted


def test_a_constant_that_stays_is_no_drift() -> None:
    found = compare(np.zeros(3000), np.zeros(2000))
    assert found.ks_statistic == 0
    assert found.psi == pytest.approx(0)
    assert not found.is_drifted


def test_values_between_those_of_the_reference_are_drift() -> None:
    # given a count that took 0 and 2 only
    reference = np.where(np.arange(3000) % 100 == 0, 0.0, 2.0)
    assert compare(reference, np.where(np.arange(2000) % 100 == 0, 0.0, 1.0)).is_drifted


def test_the_correction_spans_the_columns_of_one_call() -> None:
    # given a column whose raw p-value is below the level, and 99 that did not change
    rng = np.random.default_rng(10)
    same = rng.normal(size=3000)
    found = compare_columns(
        {"moved": profile_column(same), **{f"still_{i}": profile_column(same) for i in range(99)}},
        {"moved": same + 0.12, **{f"still_{i}": same for i in range(99)}},
        SETTINGS,
    )[0]
    # then it is multiplied by the number of tests, and scipy says the same
    assert found.p_value < 0.01 < found.p_value_adjusted
    assert found.p_value_adjusted == pytest.approx(100 * found.p_value)


def test_a_report_counts_and_sorts_its_drifted_features() -> None:
    def column(name: str, psi: float, is_drifted: bool) -> ColumnDrift:
        return ColumnDrift(name, psi, 0.1, 0.0, 0.0, 0.0, 0.0, is_drifted)

    report = DriftReport(3000, 2000, (column("a", 0.3, True), column("b", 0.1, False), column("c", 0.9, True)), None)
    assert report.drifted_features == ("c", "a")
    assert report.drifted_share == pytest.approx(2 / 3)


def draw_zero_heavy(zeros: float, rows: int, seed: int) -> np.ndarray:
    """So many zeros, and else a number above 0."""
    rng = np.random.default_rng(seed)
    return np.where(rng.random(rows) < zeros, 0.0, rng.gamma(2, 3, rows)).astype(np.float32)


@pytest.mark.parametrize("seed", range(20))
def test_zeros_that_become_fewer_are_drift_and_a_replay_is_not(seed: int) -> None:
    # given a column of 80 % zeros in training
    reference = draw_zero_heavy(0.8, 6000, seed)

    # then 60 % zeros are caught, whichever values are between them, and 80 % again are not
    assert compare(reference, draw_zero_heavy(0.6, 3000, 100 + seed)).is_drifted
    replay = compare(reference, draw_zero_heavy(0.8, 3000, 200 + seed))
    assert not replay.is_drifted
    assert replay.psi < 0.02


def test_a_heavy_value_that_moves_to_its_neighbour_has_a_psi() -> None:
    # given 79.5 % zeros of which a quarter becomes the smallest value above
    reference = np.concatenate([np.zeros(7950), np.linspace(0.01, 5, 2050)])
    current = np.concatenate([np.zeros(5950), np.full(2000, 0.01), np.linspace(0.01, 5, 2050)])
    assert compare(reference, current).psi > 0.2


def test_the_large_distance_is_that_of_a_normal_shift_with_the_psi_of_the_threshold() -> None:
    # given normal values that shift by the root of the threshold
    rng = np.random.default_rng(11)
    shift = math.sqrt(SETTINGS.psi_threshold)
    found = compare(rng.normal(size=400_000), rng.normal(size=400_000) + shift)
    assert found.ks_statistic == pytest.approx(find_large_distance(SETTINGS.psi_threshold), abs=0.005)


def to_texts(values: np.ndarray) -> np.ndarray:
    """Text as in a feature matrix."""
    return values.astype(str).astype(object)


def draw_categories(shares: dict[str, float], rows: int, seed: int) -> np.ndarray:
    """Categories in these shares."""
    return to_texts(np.random.default_rng(seed).choice(list(shares), rows, p=list(shares.values())))


COLORS = {"blue": 0.5, "green": 0.3, "red": 0.15, "": 0.05}


@pytest.mark.parametrize("seed", range(10))
def test_categories_that_stay_are_no_drift(seed: int) -> None:
    found = compare(draw_categories(COLORS, 6000, seed), draw_categories(COLORS, 2000, 50 + seed))
    assert not found.is_drifted
    assert found.ks_statistic is None
    assert found.missing_share_current == pytest.approx(0.05, abs=0.02)


@pytest.mark.parametrize(
    "shares",
    [
        {"blue": 0.25, "green": 0.55, "red": 0.15, "": 0.05},
        {"blue": 0.4, "green": 0.2, "red": 0.1, "": 0.3},
        {"blue": 0.4, "green": 0.25, "red": 0.1, "": 0.05, "violet": 0.2},
        {"a": 0.5, "b": 0.5},
    ],
    ids=["others_more_often", "missing", "unseen", "all_unseen"],
)
def test_categories_that_change_are_drift(shares: dict[str, float]) -> None:
    found = compare(draw_categories(COLORS, 6000, 1), draw_categories(shares, 2000, 2))
    assert found.is_drifted
    assert found.psi > 0.15


def test_the_p_value_of_categories_is_that_of_the_chi_square_test() -> None:
    reference, current = draw_categories(COLORS, 3000, 3), draw_categories(COLORS, 1000, 4)
    counts = [[int((rows == name).sum()) for name in COLORS] for rows in (reference, current)]
    assert compare(reference, current).p_value == pytest.approx(stats.chi2_contingency(counts).pvalue)


def test_one_category_that_stays_is_no_drift_and_another_is() -> None:
    same = np.full(500, "a", dtype=object)
    assert not compare(same, same[:300]).is_drifted
    assert compare(same, np.full(300, "b", dtype=object)).is_drifted


def test_codes_that_are_all_different_are_no_drift_for_that() -> None:
    # given a column with a category for each row, some of which come again
    reference = to_texts(np.arange(3000))
    assert not compare(reference, to_texts(np.arange(2000, 4000))).is_drifted


@pytest.mark.parametrize(("share", "is_drifted"), [(0.31, False), (0.6, True)])
def test_booleans_are_compared_as_numbers(share: float, is_drifted: bool) -> None:
    rng = np.random.default_rng(12)
    reference, current = rng.random(6000) < 0.3, rng.random(2000) < share
    assert compare(reference.astype(np.float32), current.astype(np.float32)).is_drifted == is_drifted


def test_numbers_and_categories_are_corrected_together() -> None:
    rng = np.random.default_rng(13)
    columns = {"number": rng.normal(size=800), "color": draw_categories(COLORS, 800, 14)}
    references = {
        "number": profile_column(rng.normal(size=800)),
        "color": profile_column(draw_categories(COLORS, 800, 15)),
    }
    found = compare_columns(references, columns, SETTINGS)
    expected = stats.false_discovery_control([one.p_value for one in found])
    assert [one.p_value_adjusted for one in found] == pytest.approx(list(expected))
