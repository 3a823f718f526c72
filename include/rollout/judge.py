"""The judge of a canary: numbers in, a decision with its reasons out."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, pi, sqrt
from typing import Final, Literal

from include.rollout.check import Check, list_failures
from include.rollout.stats import VariantStats
from include.settings.rollout import CanaryCriteria

Action = Literal["proceed", "roll_back", "wait"]

URGENT_CHECKS: Final = frozenset({"success_rate", "error_rate", "error_rate_increase"})
"""Checks of failed answers: the step ends at once."""

_ROUNDING: Final = 1e-6
# Standard errors that a shift of the means may have by chance: both variants answer other entities, and the mean of a
# hundred of them is uncertain by a tenth of a standard deviation.
_CHANCE_ERRORS: Final = 2.0


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
        _check_prediction_spread(champion, challenger, criteria),
        *_check_class_shift(champion, challenger, criteria),
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
    shift = measure_shift(champion, challenger)
    if shift is None:
        return Check(name, False, None, most, "a variant has no answer that succeeded, so nothing compares")
    chance = _CHANCE_ERRORS * measure_shift_error(champion, challenger)
    observed = max(shift - chance, 0.0)
    subject, before, now = max(_pair_means(champion, challenger), key=lambda pair: abs(pair[2] - pair[1]))
    reason = (
        f"mean {subject} {now:.4g} against the champion's {before:.4g}, {shift:.3g} standard deviations of the "
        f"answers apart, of which {chance:.2g} may be chance; at most {most:g} beyond it is allowed"
    )
    return Check(name, observed <= most, observed, most, reason)


def _check_prediction_spread(champion: VariantStats, challenger: VariantStats, criteria: CanaryCriteria) -> Check:
    name, most = "prediction_spread", criteria.prediction_spread_ratio_max
    if champion.prediction_mean is None or challenger.prediction_mean is None:
        return Check(name, False, None, most, "a variant has no answer that succeeded, so nothing compares")
    before, now = _measure_spread(champion), _measure_spread(challenger)
    if before <= _ROUNDING * _measure_size(champion):
        return Check(
            name, True, None, most, "the champion's answers are all alike, so their spread compares to nothing"
        )
    smallest = _ROUNDING * max(before, now, _measure_size(champion))
    observed = max(before, now) / max(min(before, now), smallest)
    reason = (
        f"standard deviation of the answers {now:.4g} against the champion's {before:.4g}; neither may be more than "
        f"{most:g} times the other"
    )
    return Check(name, observed <= most, observed, most, reason)


def _check_class_shift(champion: VariantStats, challenger: VariantStats, criteria: CanaryCriteria) -> tuple[Check, ...]:
    """Of models with several classes only."""
    if not champion.classes or not challenger.classes:
        return ()
    observed, most = measure_class_shift(champion, challenger), criteria.class_shift_max
    moved = ", ".join(
        f"{before:.3f} → {now:.3f} {name}" for name, before, now in _pair_means(champion, challenger)[:10]
    )
    reason = (
        f"{observed:.3g} of the probability moved from one class to another beyond chance, at most {most:g} may "
        f"({moved})"
    )
    return (Check("class_shift", observed <= most, observed, most, reason),)


def measure_class_shift(champion: VariantStats, challenger: VariantStats) -> float:
    """The share of the mean probabilities that changed its class, less what chance alone moves on average.

    The total variation distance, in [0, 1]. By chance each class contributes half of ``sqrt(2 / π)`` standard errors,
    the mean absolute value of a normal error. Unlike :func:`measure_shift` it does not fade with how sure a model is:
    swapped classes show where their shares differ by more than the limit.
    """
    distance = sum(abs(now - before) for _, before, now in _pair_means(champion, challenger)) / 2
    variances = [
        {item.name: (item.deviation or 0.0) ** 2 / stats.independent for item in stats.classes}
        for stats in (champion, challenger)
    ]
    names = sorted({*variances[0], *variances[1]})
    errors = sum(sqrt(sum(variance.get(name, 0.0) for variance in variances)) for name in names)
    return max(distance - sqrt(2 / pi) * errors / 2, 0.0)


def measure_shift(champion: VariantStats, challenger: VariantStats) -> float | None:
    """The distance of the mean answers in standard deviations; None without answers.

    With several classes it is the Euclidean distance of the mean probabilities, because the probability of the
    predicted class grows as a model gets better, and the mean over all rows stays. The deviation is the larger one
    of both variants, not the pooled one of Cohen's d (1988): a good model spreads its answers more than the
    champion that it replaces. A deviation below a millionth of the means counts as that much: constants that differ
    by rounding do not shift.
    """
    if champion.prediction_mean is None or challenger.prediction_mean is None:
        return None
    both = (champion, challenger)
    scale = max(*map(_measure_spread, both), *(_ROUNDING * _measure_size(stats) for stats in both))
    difference = hypot(*(now - before for _, before, now in _pair_means(champion, challenger)))
    return difference / scale if difference else 0.0


def measure_shift_error(champion: VariantStats, challenger: VariantStats) -> float:
    """The standard error of :func:`measure_shift` by the numbers of entities, in the same standard deviations."""
    both = (champion, challenger)
    spreads = [_measure_spread(stats) for stats in both]
    if not max(spreads):
        return 0.0
    error = hypot(*(spread / sqrt(one.independent) for spread, one in zip(spreads, both, strict=True)))
    return error / max(spreads)


def _pair_means(champion: VariantStats, challenger: VariantStats) -> list[tuple[str, float, float]]:
    """What is compared, the champion's mean and the challenger's; a class that one does not know has none of it."""
    if not champion.classes and not challenger.classes:
        return [("prediction", champion.prediction_mean or 0.0, challenger.prediction_mean or 0.0)]
    before, now = ({item.name: item.mean for item in stats.classes} for stats in (champion, challenger))
    names = sorted({*before, *now})
    return [(f"probability of class {name}", before.get(name, 0.0), now.get(name, 0.0)) for name in names]


def _measure_spread(stats: VariantStats) -> float:
    """The standard deviation of the answers; of several classes, the root of the summed variances."""
    if not stats.classes:
        return stats.prediction_deviation or 0.0
    return hypot(*(item.deviation or 0.0 for item in stats.classes))


def _measure_size(stats: VariantStats) -> float:
    """How large the mean answer is, whatever its sign."""
    return hypot(*(item.mean for item in stats.classes)) if stats.classes else abs(stats.prediction_mean or 0.0)
