"""Intervals that hold at every look, against the package ville, against simulation, and at their ends."""

from __future__ import annotations

import math

import numpy as np
import pytest
import ville
from scipy.stats import sem

from include.rollout.confidence import Interval, bound_estimate, bound_share, rank_quantile

ALPHAS = (0.1, 0.01, 0.0003)


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("share", [0.0, 0.003, 0.05, 0.5, 0.97, 1.0])
def test_a_share_has_the_interval_of_ville(share: float, alpha: float) -> None:
    hits = (np.random.default_rng(3).random(3000) < share).astype(float)
    oracle = ville.BernoulliCS(alpha=alpha, prior=(0.5, 0.5), intersect=False)
    oracle.update(hits)
    low, high = oracle.lower_, oracle.upper_
    for count in (1, 2, 10, 200, 3000):
        found = bound_share(int(hits[:count].sum()), count, alpha)
        assert (found.low, found.high) == pytest.approx((low[count - 1], high[count - 1]), abs=1e-6)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_a_mean_has_the_interval_of_ville(alpha: float) -> None:
    values = np.random.default_rng(4).gamma(2.0, 30.0, 4000)
    oracle = ville.AsymptoticCS(alpha=alpha, t_opt=500, min_samples=2)
    oracle.update(values)
    low, high = oracle.lower_, oracle.upper_
    # Its rho is the best one by search, ours by the formula of the paper.
    for count in (2, 50, 500, 4000):
        found = bound_estimate(float(values[:count].mean()), float(sem(values[:count])), count, alpha)
        width = high[count - 1] - low[count - 1]
        assert found.high - found.low == pytest.approx(width, rel=0.05)
        assert (found.low + found.high) / 2 == pytest.approx(values[:count].mean())


@pytest.mark.parametrize("share", [0.001, 0.05, 0.5])
def test_a_share_is_outside_of_its_interval_at_any_look_no_more_often_than_said(share: float) -> None:
    alpha, looks, repetitions = 0.05, 400, 300
    hits = (np.random.default_rng(7).random((repetitions, looks)) < share).cumsum(axis=1)
    wrong = 0
    for path in hits:
        bounds = [bound_share(int(path[count - 1]), count, alpha) for count in range(1, looks + 1, 7)]
        wrong += not all(one.low <= share <= one.high for one in bounds)
    # Three standard errors of what is allowed.
    assert wrong / repetitions <= alpha + 3 * math.sqrt(alpha * (1 - alpha) / repetitions)


def test_a_fixed_interval_is_wrong_far_more_often_when_it_is_looked_at_again_and_again() -> None:
    share, looks = 0.5, 600
    hits = (np.random.default_rng(7).random((300, looks)) < share).cumsum(axis=1)
    counts = np.arange(1, looks + 1)
    distance = np.abs(hits / counts - share) / np.sqrt(share * (1 - share) / counts)
    assert (distance > 1.96)[:, 20:].any(axis=1).mean() > 0.2


@pytest.mark.parametrize("alpha", [0.05])
def test_a_quantile_lies_between_its_ranks_at_any_look(alpha: float) -> None:
    share, looks, repetitions = 0.95, 900, 400
    # Of uniform numbers the quantile of a share is the share.
    values = np.random.default_rng(9).random((repetitions, looks))
    counts = [100, 300, 600, 900]
    ranks = {count: rank_quantile(count, share, alpha) for count in counts}
    wrong = 0
    for row in values:
        is_wrong = False
        for count, (low, high) in ranks.items():
            ordered = np.sort(row[:count])
            is_wrong |= low is not None and ordered[low - 1] > share
            is_wrong |= high is not None and ordered[high - 1] < share
        wrong += is_wrong
    assert wrong / repetitions <= alpha
    assert ranks[100][1] is None
    assert ranks[900][1] is not None


def test_a_difference_is_outside_of_its_interval_at_any_look_no_more_often_than_said() -> None:
    # A challenger that gets a tenth of the entities, of answers that are far from normal.
    alpha, repetitions, looks = 0.05, 150, range(1000, 4000, 500)
    random = np.random.default_rng(11)
    wrong = 0
    for _ in range(repetitions):
        values, is_challenger = random.gamma(0.5, 1.0, looks[-1]), random.random(looks[-1]) < 0.1
        is_wrong = False
        for count in looks:
            parts = [values[:count][is_challenger[:count] == side] for side in (True, False)]
            error = math.hypot(*(float(sem(part)) for part in parts))
            found = bound_estimate(float(parts[0].mean() - parts[1].mean()), error, min(map(len, parts)), alpha)
            is_wrong |= not found.low <= 0 <= found.high
        wrong += is_wrong
    assert wrong / repetitions <= alpha


def test_an_interval_narrows_with_what_is_seen_and_widens_with_its_confidence() -> None:
    assert bound_share(0, 0, 0.01) == Interval(0.0, 1.0)
    assert bound_share(0, 100, 0.01).high > bound_share(0, 1000, 0.01).high > 0
    assert bound_share(5, 100, 0.001).high > bound_share(5, 100, 0.01).high
    assert bound_share(100, 100, 0.01).high == 1.0
    assert bound_estimate(0.0, 1.0, 1, 0.01) == Interval(-math.inf, math.inf)
    assert bound_estimate(7.0, 0.0, 100, 0.01) == Interval(7.0, 7.0)
    assert math.isnan(bound_estimate(math.nan, 1.0, 100, 0.01).low)
    assert rank_quantile(0, 0.95, 0.01) == (None, None)
