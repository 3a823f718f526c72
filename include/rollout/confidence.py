"""Intervals that hold at every look at once: however often one looks, and whenever one stops.

An ordinary 95 % interval is wrong one time in twenty at each look, so that whoever looks often enough sees it wrong.
These are confidence sequences: the chance that one of them is ever wrong is at most ``alpha``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import inf, lgamma, log, sqrt
from typing import Final

_PRIOR: Final = 0.5
_BEST_AT: Final = 500
"""The number of observations at which the interval of a mean is narrowest; it holds at any."""
_STEPS: Final = 60


@dataclass(frozen=True)
class Interval:
    """Where a figure lies, ends included."""

    low: float
    high: float


@lru_cache(maxsize=4096)
def bound_share(hits: float, count: int, alpha: float) -> Interval:
    """The probability of a hit, of ``hits`` in ``count`` independent tries; or their mean, where each is in [0, 1].

    The shares that a mixture of Beta(1/2, 1/2) has not rejected: under a share p the likelihood ratio
    B(1/2 + hits, 1/2 + misses) / B(1/2, 1/2) / (p^hits (1 - p)^misses) is a martingale, which exceeds 1 / alpha with a
    probability of at most alpha (Ville, 1939; Robbins, 1970; Howard et al., 2021, "Time-uniform, nonparametric,
    nonasymptotic confidence sequences"). A try that is a part, such as the failed rows of a batch, is no nearer to the
    ends than a hit or a miss of the same mean: (q/p)^x ((1-q)/(1-p))^(1-x) is convex in x, so that the bound holds
    (Hoeffding, 1963; Howard et al., 2021, on sub-Bernoulli sums).
    """
    misses = count - hits
    prior = _log_beta(_PRIOR, _PRIOR)
    level = _log_beta(_PRIOR + hits, _PRIOR + misses) - prior + log(alpha)
    share = hits / count if count else 0.0

    def is_rejected(p: float) -> bool:
        return level > _times_log(hits, p) + _times_log(misses, 1 - p)

    low = 0.0 if not hits else _find_edge(is_rejected, 0.0, share)
    high = 1.0 if not misses else _find_edge(is_rejected, 1.0, share)
    return Interval(low, high)


def bound_estimate(estimate: float, error: float, count: int, alpha: float) -> Interval:
    """What a mean, or the difference of two, estimates, by its standard error.

    It holds as the number of observations grows, like the usual normal interval, of independent observations of a
    finite variance (Waudby-Smith et al., 2024, "Time-uniform central limit theory and asymptotic confidence
    sequences", theorem 2.2 with its best rho, and section 3 for differences). Infinite with fewer than two.

    Args:
        count: observations that it is made of; of a difference, those of the side that has fewer.
    """
    if count < 2:
        return Interval(-inf, inf)
    tuned = (-2 * log(alpha) + log(-2 * log(alpha) + 1)) / _BEST_AT
    grown = count * tuned + 1
    radius = error * sqrt(2 * grown / (count * tuned) * log(sqrt(grown) / alpha))
    return Interval(estimate - radius, estimate + radius)


def rank_quantile(count: int, share: float, alpha: float) -> tuple[int | None, int | None]:
    """The ranks, from 1, of the observations between which the quantile of ``share`` lies; None where there is none.

    Observations up to the true quantile are hits of that probability, so that :func:`bound_share` decides on each rank
    (Howard and Ramdas, 2022, "Sequential estimation of quantiles with applications to A/B testing").
    """
    low = _find_last(lambda rank: bound_share(rank, count, alpha).high < share, count)
    last = _find_last(lambda rank: bound_share(rank, count, alpha).low <= share, count)
    high = last + 1
    return (low or None), (high if high <= count else None)


def _find_last(is_true: Callable[[int], bool], count: int) -> int:
    """The last of 0 to ``count`` for which a condition that turns false once holds; 0 where it never does."""
    low, high = 0, count
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if is_true(middle) else (low, middle - 1)
    return low


def _find_edge(is_rejected: Callable[[float], bool], outside: float, inside: float) -> float:
    """Where rejection ends between a share that is rejected and one that is not, on the rejected side."""
    for _ in range(_STEPS):
        middle = (outside + inside) / 2
        outside, inside = (middle, inside) if is_rejected(middle) else (outside, middle)
    return outside


def _times_log(number: float, p: float) -> float:
    """number * log(p), 0 for none."""
    if not number:
        return 0.0
    return number * log(p) if p > 0 else -inf


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)
