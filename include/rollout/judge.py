"""The judge of a canary: numbers in, a decision with its reasons out.

Every check may be looked at as often as one likes: it fails when harm is shown, and is open while too little is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, inf, isfinite, isnan, sqrt
from typing import Final, Literal

from include.rollout.check import Check, list_failures
from include.rollout.confidence import Interval, bound_estimate, bound_share, rank_quantile
from include.rollout.stats import VariantStats
from include.settings.rollout import CanaryCriteria

Action = Literal["proceed", "roll_back", "wait"]

URGENT_CHECKS: Final = frozenset({"success_rate", "error_rate_increase", "failing_now"})
"""Checks of failed answers: the step ends at once."""

MAX_WAIT: Final = "max_wait"
"""The check that fails when a step's time is up and something is open still."""

_ROUNDING: Final = 1e-6
_SLOW: Final = 0.05
"""The share of answers beyond the 95th percentile."""
_CHECKS: Final = 8
"""Of those that chance may fail; they share the chance of a wrong rollback."""
_FEWEST: Final = 20
"""Answers before the interval of a mean is believed."""
_FAILING: Final = 0.5
_FAILING_ENTITIES: Final = 10
_MISROUTED: Final = 0.2
"""Of the challenger's share of the entities: so much more or less, and the two variants did not get alike traffic."""


@dataclass(frozen=True)
class CanaryDecision:
    """What to do with the challenger, and every check that led there."""

    action: Action
    checks: tuple[Check, ...]

    @property
    def reason(self) -> str:
        """What failed, in words; or what is open; or that all passed. Of a step whose time is up, all that is open."""
        failed = tuple(check for check in self.checks if check.has_failed)
        told = self.checks if any(check.name == MAX_WAIT for check in failed) else failed
        return list_failures(told) or list_failures(self.checks) or f"all {len(self.checks)} checks passed"


@dataclass(frozen=True)
class StepPlan:
    """The step that is judged.

    Attributes:
        weight: the challenger's share of the traffic.
        is_final: it must be shown that the challenger is no worse, not only not shown that it is.
        alpha: the chance that a challenger is rolled back that is within every limit.
    """

    weight: float
    is_final: bool
    alpha: float


def plan_step(weight: float, steps: tuple[float, ...], alpha: float) -> StepPlan:
    """What is asked of a step: each has its part of the chance, and the last one beside the champion must show all."""
    shared = [step for step in steps if step < 1]
    return StepPlan(weight, bool(shared) and weight == shared[-1], alpha / max(len(steps), 1))


def share_alpha(plan: StepPlan) -> float:
    """Each check's part of the chance that a step is wrongly rolled back."""
    return plan.alpha / _CHECKS


def judge_canary(
    champion: VariantStats, challenger: VariantStats, criteria: CanaryCriteria, plan: StepPlan
) -> CanaryDecision:
    """Judge a challenger against its criteria and against the champion beside it.

    It is rolled back when a check has failed, whatever is still open; it proceeds when all have passed.
    """
    alpha = share_alpha(plan)
    checks = (
        _check_samples("champion_samples", champion, criteria),
        _check_samples("challenger_samples", challenger, criteria),
        *_check_routing(champion, challenger, plan, alpha),
        _check_success_rate(challenger, criteria, alpha),
        _check_error_increase(champion, challenger, criteria, plan, alpha),
        _check_failing_now(champion, challenger),
        _check_latency(challenger, criteria, plan, alpha),
        _check_latency_ratio(champion, challenger, criteria, plan, alpha),
        _check_prediction_shift(champion, challenger, criteria, alpha),
        _check_prediction_spread(champion, challenger, criteria),
        *_check_class_shift(champion, challenger, criteria, alpha),
    )
    if any(check.has_failed for check in checks):
        return CanaryDecision("roll_back", checks)
    return CanaryDecision("proceed" if all(check.is_passed for check in checks) else "wait", checks)


def _conclude(
    name: str, observed: float, limit: float, bounds: Interval, reason: str, *, must_show: bool, is_above: bool
) -> Check:
    """Whether a figure that may be anywhere in ``bounds`` is within a limit.

    Args:
        must_show: it passes when it is shown to be.
        is_above: what was seen is not, so that it passes only then, too.
    """
    if isnan(bounds.low) or isnan(bounds.high):
        return Check(name, False, observed, limit, f"{reason}; no number", is_clear=False)
    if bounds.low > limit:
        return Check(name, False, observed, limit, f"{reason}; more is shown")
    if bounds.high <= limit or not (must_show or is_above):
        return Check(name, True, observed, limit, reason)
    return Check(name, False, observed, limit, f"{reason}; not shown yet", is_clear=False)


def _check_samples(name: str, stats: VariantStats, criteria: CanaryCriteria) -> Check:
    is_passed = stats.samples >= criteria.min_samples
    reason = f"{stats.samples} entities answered, {criteria.min_samples} needed to conclude anything"
    return Check(name, is_passed, stats.samples, criteria.min_samples, reason, is_clear=is_passed)


def _check_routing(champion: VariantStats, challenger: VariantStats, plan: StepPlan, alpha: float) -> tuple[Check, ...]:
    """Whether the entities were split as the weight says: else the two variants do not compare (Fabijan et al., 2019).

    Nothing is known of a step in which the challenger takes everything.
    """
    looked_up = champion.looked_up + challenger.looked_up
    if plan.weight >= 1 or not looked_up:
        return ()
    bounds = bound_share(challenger.looked_up, looked_up, alpha)
    least, most = plan.weight * (1 - _MISROUTED), plan.weight + _MISROUTED * min(plan.weight, 1 - plan.weight)
    observed = challenger.looked_up / looked_up
    is_split = bounds.high >= least and bounds.low <= most
    ratio = Check(
        "routing", is_split, observed, plan.weight,
        f"{challenger.looked_up} of {looked_up} entities went to the challenger ({observed:.2%}), "
        f"{plan.weight:.2%} should", is_clear=is_split,
    )  # fmt: skip
    both = bound_share(min(champion.crossed, challenger.samples), challenger.samples, alpha)
    is_apart = both.low <= _MISROUTED
    crossed = Check(
        "crossed_entities", is_apart, champion.crossed, _MISROUTED,
        f"{champion.crossed} of the challenger's {challenger.samples} entities were answered by the champion again",
        is_clear=is_apart,
    )  # fmt: skip
    return ratio, crossed


def _check_success_rate(challenger: VariantStats, criteria: CanaryCriteria, alpha: float) -> Check:
    """Not shown but disproved: a rate so near to 1 takes tens of thousands of answers to show."""
    least = criteria.success_rate_min
    tries, failures = challenger.counted_tries, challenger.counted_failures
    failing = bound_share(failures, tries, alpha)
    observed = 1 - challenger.error_rate
    reason = f"{failures:.4g} of {tries} first requests about entities failed, at least {least:.4%} must succeed"
    if failing.low > 1 - least:
        return Check("success_rate", False, observed, least, f"{reason}; at most {1 - failing.low:.4%} do")
    return Check("success_rate", True, observed, least, reason)


def _check_error_increase(
    champion: VariantStats, challenger: VariantStats, criteria: CanaryCriteria, plan: StepPlan, alpha: float
) -> Check:
    now, before = (bound_share(one.counted_failures, one.counted_tries, alpha / 2) for one in (challenger, champion))
    bounds = Interval(now.low - before.high, now.high - before.low)
    most = criteria.error_rate_increase_max
    reason = (
        f"error rate {challenger.error_rate:.4%} against the champion's {champion.error_rate:.4%} "
        f"({_show(bounds, 100)} percent more), at most {most:.4%} more is allowed"
    )
    observed = challenger.error_rate - champion.error_rate
    is_above = observed > most
    return _conclude("error_rate_increase", observed, most, bounds, reason, must_show=plan.is_final, is_above=is_above)


def _check_failing_now(champion: VariantStats, challenger: VariantStats) -> Check:
    """What begins to fail once every entity was answered: the last answers, whoever asked."""
    name, share = "failing_now", challenger.recent_failures / max(challenger.recent, 1)
    others = champion.recent_failures / max(champion.recent, 1)
    is_failing = (
        challenger.recent >= 2 * _FAILING_ENTITIES
        and challenger.recent_entities >= _FAILING_ENTITIES
        and share > _FAILING >= 2 * others
    )
    reason = (
        f"{challenger.recent_failures:.4g} of the last {challenger.recent} requests failed, the champion's {others:.0%}"
    )
    return Check(name, not is_failing, share, _FAILING, reason)


def _check_latency(challenger: VariantStats, criteria: CanaryCriteria, plan: StepPlan, alpha: float) -> Check:
    name, most, observed = "latency_p95", criteria.latency_p95_max_ms, challenger.latency_p95_ms
    if observed is None:
        return Check(name, False, None, most, "no answer succeeded, so there is no latency", is_clear=False)
    slower = bound_share(challenger.count_slower(most), challenger.timed, alpha)
    reason = f"p95 latency {observed:.2f} ms, at most {most:g} ms is allowed ({_show(slower, 100)} percent take longer)"
    return _conclude_latency(name, observed, most, slower, slower, reason, plan, is_above=observed > most)


def _check_latency_ratio(
    champion: VariantStats, challenger: VariantStats, criteria: CanaryCriteria, plan: StepPlan, alpha: float
) -> Check:
    """p95 against p95; below ``latency_floor_ms`` a ratio is the noise of small numbers (1 ms, 0.4 ms).

    The challenger's share of answers beyond the limit, for the least and the largest that the champion's p95 may be.
    """
    name, most, floor = "latency_ratio", criteria.latency_ratio_max, criteria.latency_floor_ms
    before, now = champion.latency_p95_ms, challenger.latency_p95_ms
    if before is None or now is None:
        reason = "a variant has no answer that succeeded, so nothing compares"
        return Check(name, False, None, most, reason, is_clear=False)
    low, high = rank_quantile(champion.timed, 1 - _SLOW, alpha / 2)
    strict = max(0.0 if low is None else most * champion.find_latency(low), floor)
    lenient = inf if high is None else max(most * champion.find_latency(high), floor)
    shown, harm = (
        bound_share(challenger.count_slower(limit), challenger.timed, alpha / 2) for limit in (strict, lenient)
    )
    observed = now / max(before, 1e-6)
    reason = (
        f"p95 latency {now:.2f} ms is {observed:.2f} times the champion's {before:.2f} ms; allowed is {most:g} times, "
        f"or anything up to {floor:g} ms"
    )
    is_above = observed > most and now > floor
    return _conclude_latency(name, observed, most, harm, shown, reason, plan, is_above=is_above)


def _conclude_latency(
    name: str, observed: float, most: float, harm: Interval, shown: Interval, reason: str, plan: StepPlan,
    *, is_above: bool,
) -> Check:  # fmt: skip
    """By the share of answers that are slower than allowed: of more than one in twenty, the p95 is."""
    bounds = Interval(harm.low, shown.high)
    concluded = _conclude(name, observed, _SLOW, bounds, reason, must_show=plan.is_final, is_above=is_above)
    return Check(name, concluded.is_passed, observed, most, concluded.reason, concluded.is_clear)


def _check_prediction_shift(
    champion: VariantStats, challenger: VariantStats, criteria: CanaryCriteria, alpha: float
) -> Check:
    """A better model answers otherwise, which is no harm by itself."""
    name, most = "prediction_shift", criteria.prediction_shift_max
    shift = measure_shift(champion, challenger)
    if shift is None or not isfinite(shift):
        reason = "a variant has no answers that compare"
        return Check(name, False, None, most, reason, is_clear=False)
    chance = measure_shift_chance(champion, challenger, alpha)
    bounds = Interval(max(shift - chance, 0.0), shift + chance)
    subject, before, now = max(_pair_means(champion, challenger), key=lambda pair: abs(pair[2] - pair[1]))
    reason = (
        f"mean {subject} {now:.4g} against the champion's {before:.4g}, {shift:.3g} standard deviations of the "
        f"answers apart ({_show(bounds)}); at most {most:g} is allowed"
    )
    return _conclude(name, shift, most, bounds, reason, must_show=False, is_above=shift > most)


def _check_prediction_spread(champion: VariantStats, challenger: VariantStats, criteria: CanaryCriteria) -> Check:
    """A bare ratio, once there are enough answers: its limit lies far beyond what chance does."""
    name, most = "prediction_spread", criteria.prediction_spread_ratio_max
    both = (champion, challenger)
    before, now = map(_measure_spread, both)
    are_few = any(one.samples < criteria.min_samples or one.succeeded < _FEWEST for one in both)
    if are_few or isnan(before) or isnan(now):
        reason = "too few answers that succeeded to compare their spread"
        return Check(name, False, None, most, reason, is_clear=False)
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


def _check_class_shift(
    champion: VariantStats, challenger: VariantStats, criteria: CanaryCriteria, alpha: float
) -> tuple[Check, ...]:
    """Of models with several classes only."""
    if not champion.classes or not challenger.classes:
        return ()
    observed, most = measure_class_shift(champion, challenger, alpha), criteria.class_shift_max
    moved = ", ".join(
        f"{before:.3f} → {now:.3f} {name}" for name, before, now in _pair_means(champion, challenger)[:10]
    )
    reason = (
        f"{observed:.3g} of the probability moved from one class to another beyond chance, at most {most:g} may "
        f"({moved})"
    )
    return (Check("class_shift", not observed > most, observed, most, reason),)


def measure_class_shift(champion: VariantStats, challenger: VariantStats, alpha: float) -> float:
    """The share of the mean probabilities that changed its class, less what chance may have moved.

    The total variation distance, in [0, 1], of the nearest means that the intervals of all classes leave. Unlike
    :func:`measure_shift` it does not fade with how sure a model is: swapped classes show where their shares differ by
    more than the limit.
    """
    pairs = _pair_means(champion, challenger)
    chances = _list_chances(champion, challenger, alpha)
    return sum(max(abs(now - before) - chances[name], 0.0) for name, before, now in pairs) / 2


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
    difference = hypot(*(now - before for _, before, now in _pair_means(champion, challenger)))
    return difference / _measure_scale(champion, challenger) if difference else 0.0


def measure_shift_chance(champion: VariantStats, challenger: VariantStats, alpha: float) -> float:
    """How far :func:`measure_shift` may be from the truth, in the same standard deviations; infinite of few answers."""
    chances = _list_chances(champion, challenger, alpha)
    chance = hypot(*chances.values())
    return chance / _measure_scale(champion, challenger) if chance and isfinite(chance) else chance


def _measure_scale(champion: VariantStats, challenger: VariantStats) -> float:
    both = (champion, challenger)
    return max(*map(_measure_spread, both), *(_ROUNDING * _measure_size(stats) for stats in both))


def _list_chances(champion: VariantStats, challenger: VariantStats, alpha: float) -> dict[str, float]:
    """How far the difference of each mean may be from the truth, all of them together with ``1 - alpha``."""
    both = (champion, challenger)
    names = [name for name, _, _ in _pair_means(champion, challenger)]
    if min(stats.succeeded for stats in both) < _FEWEST:
        return dict.fromkeys(names, inf)
    # Of the smaller variant, whose mean is the less normal one.
    count, each = min(stats.succeeded for stats in both), alpha / len(names)
    deviations = [
        {f"{_CLASS}{item.name}": item.deviation for item in stats.classes} or {_PREDICTION: stats.prediction_deviation}
        for stats in both
    ]
    errors = {
        name: hypot(
            *((one.get(name) or 0.0) / sqrt(stats.succeeded) for one, stats in zip(deviations, both, strict=True))
        )
        for name in names
    }
    return {name: bound_estimate(0.0, error, count, each).high for name, error in errors.items()}


_PREDICTION: Final = "prediction"
_CLASS: Final = "probability of class "


def _pair_means(champion: VariantStats, challenger: VariantStats) -> list[tuple[str, float, float]]:
    """What is compared, the champion's mean and the challenger's; a class that one does not know has none of it."""
    if not champion.classes and not challenger.classes:
        return [(_PREDICTION, champion.prediction_mean or 0.0, challenger.prediction_mean or 0.0)]
    before, now = ({item.name: item.mean for item in stats.classes} for stats in (champion, challenger))
    names = sorted({*before, *now})
    return [(f"{_CLASS}{name}", before.get(name, 0.0), now.get(name, 0.0)) for name in names]


def _measure_spread(stats: VariantStats) -> float:
    """The standard deviation of the answers; of several classes, the root of the summed variances."""
    if not stats.classes:
        return stats.prediction_deviation or 0.0
    return hypot(*(item.deviation or 0.0 for item in stats.classes))


def _measure_size(stats: VariantStats) -> float:
    """How large the mean answer is, whatever its sign."""
    return hypot(*(item.mean for item in stats.classes)) if stats.classes else abs(stats.prediction_mean or 0.0)


def _show(bounds: Interval, factor: float = 1.0) -> str:
    return f"{bounds.low * factor:.3g} to {bounds.high * factor:.3g}"
