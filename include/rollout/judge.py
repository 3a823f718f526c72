"""The judge of a canary: numbers in, a decision with its reasons out."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Final, Literal

from include.rollout.check import Check, list_failures
from include.rollout.stats import VariantStats
from include.settings.rollout import CanaryCriteria

Action = Literal["proceed", "roll_back", "wait"]

URGENT_CHECKS: Final = frozenset({"success_rate", "error_rate", "error_rate_increase"})
"""Checks of failed answers: the step ends at once."""

_ROUNDING: Final = 1e-6


@dataclass(frozen=True)
class CanaryDecision:
    """What to do with the challenger, and every check that led there."""

    action: Action
    checks: tuple[Check, ...]

    @property
    def reason(self) -> str:
        """The checks that did not pass, in words; or that all did."""
        return list_failures(self.checks) or f"all {len(self.checks)} checks passed"


def judge_canary(champion: VariantStats, challenger: VariantStats, criteria: CanaryCriteria) -> CanaryDecision:
    """Judge a challenger against its criteria and against the champion beside it.

    With fewer than ``min_samples`` of either variant the decision is ``wait``, whatever the numbers
    look like: no promotion and no rollback is ever a guess. Otherwise any failed check rolls back.
    """
    evidence = (
        _check_samples("champion_samples", champion, criteria),
        _check_samples("challenger_samples", challenger, criteria),
    )
    if not all(check.is_passed for check in evidence):
        return CanaryDecision("wait", evidence)
    checks = (
        *evidence,
        _check_success_rate(challenger, criteria),
        _check_error_rate(challenger, criteria),
        _check_error_increase(champion, challenger, criteria),
        _check_latency(challenger, criteria),
        _check_latency_ratio(champion, challenger, criteria),
        _check_prediction_shift(champion, challenger, criteria),
    )
    return CanaryDecision("proceed" if all(check.is_passed for check in checks) else "roll_back", checks)


def _check_samples(name: str, stats: VariantStats, criteria: CanaryCriteria) -> Check:
    is_passed = stats.samples >= criteria.min_samples
    reason = f"{stats.samples} answers seen, {criteria.min_samples} needed to conclude anything"
    return Check(name, is_passed, stats.samples, criteria.min_samples, reason)


def _check_success_rate(challenger: VariantStats, criteria: CanaryCriteria) -> Check:
    observed, least = challenger.success_rate, criteria.success_rate_min
    reason = f"{observed:.4%} of {challenger.samples} answers succeeded, at least {least:.4%} must"
    return Check("success_rate", observed >= least, observed, least, reason)


def _check_error_rate(challenger: VariantStats, criteria: CanaryCriteria) -> Check:
    observed, most = challenger.error_rate, criteria.error_rate_max
    reason = f"{challenger.errors} of {challenger.samples} answers failed ({observed:.4%}), at most {most:.4%} may"
    return Check("error_rate", observed <= most, observed, most, reason)


def _check_error_increase(champion: VariantStats, challenger: VariantStats, criteria: CanaryCriteria) -> Check:
    observed, most = challenger.error_rate - champion.error_rate, criteria.error_rate_increase_max
    reason = (
        f"error rate {challenger.error_rate:.4%} against the champion's {champion.error_rate:.4%}, "
        f"at most {most:.4%} more is allowed"
    )
    return Check("error_rate_increase", observed <= most, observed, most, reason)


def _check_latency(challenger: VariantStats, criteria: CanaryCriteria) -> Check:
    observed, most = challenger.latency_p95_ms, criteria.latency_p95_max_ms
    if observed is None:
        return Check("latency_p95", False, None, most, "no answer succeeded, so there is no latency")
    reason = f"p95 latency {observed:.2f} ms, at most {most:g} ms is allowed"
    return Check("latency_p95", observed <= most, observed, most, reason)


def _check_latency_ratio(champion: VariantStats, challenger: VariantStats, criteria: CanaryCriteria) -> Check:
    """p95 against p95; below ``latency_floor_ms`` a ratio is the noise of small numbers (1 ms, 0.4 ms)."""
    name, most = "latency_ratio", criteria.latency_ratio_max
    if champion.latency_p95_ms is None or challenger.latency_p95_ms is None:
        return Check(name, False, None, most, "a variant has no answer that succeeded, so nothing compares")
    observed = challenger.latency_p95_ms / max(champion.latency_p95_ms, 1e-6)
    is_fast = challenger.latency_p95_ms <= criteria.latency_floor_ms
    reason = (
        f"p95 latency {challenger.latency_p95_ms:.2f} ms is {observed:.2f} times the champion's "
        f"{champion.latency_p95_ms:.2f} ms; allowed is {most:g} times, or anything up to "
        f"{criteria.latency_floor_ms:g} ms"
    )
    return Check(name, is_fast or observed <= most, observed, most, reason)


def _check_prediction_shift(champion: VariantStats, challenger: VariantStats, criteria: CanaryCriteria) -> Check:
    name, most = "prediction_shift", criteria.prediction_shift_max
    observed = measure_shift(champion, challenger)
    if observed is None:
        return Check(name, False, None, most, "a variant has no answer that succeeded, so nothing compares")
    reason = (
        f"mean prediction {challenger.prediction_mean:.4g} against the champion's {champion.prediction_mean:.4g}, "
        f"{observed:.3g} pooled standard deviations apart; at most {most:g} is allowed"
    )
    return Check(name, observed <= most, observed, most, reason)


def measure_shift(champion: VariantStats, challenger: VariantStats) -> float | None:
    """The distance of the mean predictions in pooled standard deviations (Cohen's d, 1988); None without answers.

    A deviation below a millionth of the means counts as that much: constants that differ by rounding do not shift.
    """
    if champion.prediction_mean is None or challenger.prediction_mean is None:
        return None
    both = (champion, challenger)
    freedom = [stats.samples - stats.errors - 1 for stats in both]
    squares = sum(count * (stats.prediction_deviation or 0.0) ** 2 for count, stats in zip(freedom, both, strict=True))
    rounding = _ROUNDING * max(abs(champion.prediction_mean), abs(challenger.prediction_mean))
    scale = max(sqrt(squares / max(sum(freedom), 1)), rounding)
    difference = abs(challenger.prediction_mean - champion.prediction_mean)
    return difference / scale if difference else 0.0
