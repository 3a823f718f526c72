"""Intervals and standard errors hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from include.tasks import TASKS, bootstrap
from include.tasks.bootstrap import (
    draw_weights,
    estimate_gain_interval,
    estimate_interval,
    estimate_standard_error,
)
from include.training.compare import measure_score

RANDOM = np.random.default_rng(4)
LABELS = (RANDOM.random(500) < 0.2).astype(np.int64)
SCORES = np.clip(np.round(0.2 + 0.25 * LABELS + RANDOM.normal(0, 0.15, 500), 2), 0.01, 0.99)
BINARY, REGRESSION = TASKS["binary"], TASKS["regression"]


def test_the_interval_is_that_of_resampled_rows() -> None:
    found = estimate_interval(BINARY, LABELS, SCORES, repetitions=1000, seed=1)
    generator = np.random.default_rng(2)
    draws = [generator.integers(0, 500, 500) for _ in range(500)]
    low, high = np.percentile([roc_auc_score(LABELS[rows], SCORES[rows]) for rows in draws], [2.5, 97.5])
    assert found.low == pytest.approx(low, abs=0.01)
    assert found.high == pytest.approx(high, abs=0.01)
    assert found.low < roc_auc_score(LABELS, SCORES) < found.high


def test_intervals_of_many_samples_hold_the_true_score_about_as_often_as_they_say() -> None:
    """Normal scores one standard deviation apart: the true AUC is .760 (Bamber, 1975)."""
    generator, hits = np.random.default_rng(3), 0
    labels = np.repeat([0, 1], 100)
    for seed in range(100):
        found = estimate_interval(BINARY, labels, generator.normal(labels, 1.0), repetitions=200, seed=seed)
        hits += found.low <= 0.7602 <= found.high
    assert 86 <= hits <= 100


def test_the_interval_of_a_forecast_holds_its_score() -> None:
    values = RANDOM.gamma(2, 3, 300)
    forecasts = values + RANDOM.normal(0, 2, 300)
    found = estimate_interval(REGRESSION, values, forecasts, repetitions=300, seed=1)
    whole = REGRESSION.weighted_scores(values, forecasts, np.ones((1, 300), dtype=np.int64))[0]
    assert found.low < whole < found.high


def test_the_same_seed_gives_the_same_interval() -> None:
    first = estimate_interval(BINARY, LABELS, SCORES, repetitions=150, seed=1)
    assert first == estimate_interval(BINARY, LABELS, SCORES, repetitions=150, seed=1)
    assert first != estimate_interval(BINARY, LABELS, SCORES, repetitions=150, seed=2)


def test_fewer_rows_are_less_certain() -> None:
    many = estimate_interval(BINARY, LABELS, SCORES, repetitions=300, seed=1)
    few = estimate_interval(BINARY, LABELS[:100], SCORES[:100], repetitions=300, seed=1)
    assert few.high - few.low > many.high - many.low


def test_samples_of_one_class_are_left_out() -> None:
    labels = np.array([1] + [0] * 20)
    interval = estimate_interval(BINARY, labels, np.linspace(1, 0, 21), repetitions=500, seed=1)
    assert (interval.low, interval.high) == (1.0, 1.0)


def test_the_gain_over_a_coin_is_certain_and_has_the_sign_of_the_first() -> None:
    coin = np.random.default_rng(3).random(500)
    assert estimate_gain_interval(BINARY, LABELS, SCORES, coin, repetitions=300, seed=1).low > 0.2
    assert estimate_gain_interval(BINARY, LABELS, coin, SCORES, repetitions=300, seed=1).high < -0.2


def test_paired_samples_are_surer_than_two_intervals() -> None:
    """Nearly the same model: each score is uncertain, their difference is not."""
    twin = SCORES + RANDOM.normal(0, 0.005, 500)
    single = estimate_interval(BINARY, LABELS, SCORES, repetitions=300, seed=1)
    paired = estimate_gain_interval(BINARY, LABELS, SCORES, twin, repetitions=300, seed=1)
    assert paired.high - paired.low < 0.3 * (single.high - single.low)


def test_rows_of_one_entity_are_not_independent_evidence() -> None:
    """Each row four times over: as clusters they are worth what they were alone, as rows they look surer."""
    labels, scores = np.repeat(LABELS[:150], 4), np.repeat(SCORES[:150], 4)
    alone = estimate_standard_error(BINARY, LABELS[:150], SCORES[:150], np.arange(150), 400, seed=1)
    clustered = estimate_standard_error(BINARY, labels, scores, np.repeat(np.arange(150), 4), 400, seed=1)
    naive = estimate_standard_error(BINARY, labels, scores, np.arange(600), 400, seed=1)
    assert alone is not None and clustered is not None and naive is not None
    assert clustered == pytest.approx(alone, rel=0.15)
    assert naive < 0.7 * clustered


@pytest.mark.parametrize("n", [0, 1])
def test_one_entity_has_no_standard_error(n: int) -> None:
    assert estimate_standard_error(BINARY, LABELS[:n], SCORES[:n], np.zeros(n, np.int64), 100, seed=1) is None


def test_many_rows_give_an_interval_as_wide_as_all_of_them_would(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(5)
    labels = random.integers(0, 2, 8000)
    scores = random.normal(labels, 1.0)
    whole = estimate_interval(BINARY, labels, scores, repetitions=400, seed=1)
    monkeypatch.setattr(bootstrap, "MOST_ROWS", 1000)
    part = estimate_interval(BINARY, labels, scores, repetitions=400, seed=1)
    assert part != whole
    assert part.high - part.low == pytest.approx(whole.high - whole.low, rel=0.3)
    assert (part.high + part.low) / 2 == pytest.approx((whole.high + whole.low) / 2, abs=0.003)
    gain = estimate_gain_interval(BINARY, labels, scores, -scores, repetitions=400, seed=1)
    assert gain.low < measure_score(BINARY, labels, scores) - measure_score(BINARY, labels, -scores) < gain.high


def test_many_clusters_give_the_error_that_all_of_them_would(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(6)
    clusters = np.repeat(np.arange(2000), 3)
    labels = random.integers(0, 2, 6000)
    scores = random.normal(labels, 1.0)
    whole = estimate_standard_error(BINARY, labels, scores, clusters, 400, seed=1)
    monkeypatch.setattr(bootstrap, "MOST_ROWS", 1500)
    part = estimate_standard_error(BINARY, labels, scores, clusters, 400, seed=1)
    assert whole is not None
    assert part != whole
    assert part == pytest.approx(whole, rel=0.3)


def test_samples_are_the_same_however_they_are_batched_and_hold_a_bounded_number_of_cells(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    together = np.concatenate([*draw_weights(50, 30, seed=1)])
    monkeypatch.setattr(bootstrap, "_BATCH_CELLS", 200)
    batches = [*draw_weights(50, 30, seed=1)]
    assert [batch.size for batch in batches[:-1]] == [200] * (len(batches) - 1)
    assert np.array_equal(np.concatenate(batches), together)
    assert all(len(batch) == 1 for batch in draw_weights(5, 3, seed=1, cells=10_000))
