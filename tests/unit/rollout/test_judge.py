"""The judge can say no for each reason alone, says nothing without evidence, and may be asked as often as one likes."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite, nan
from typing import Any

import numpy as np
import pytest

from include.rollout.confidence import bound_share
from include.rollout.judge import (
    CanaryDecision,
    StepPlan,
    judge_canary,
    measure_class_shift,
    measure_shift,
    plan_step,
)
from include.rollout.stats import ClassProbability, VariantStats
from include.settings.rollout import CanaryCriteria

CRITERIA = CanaryCriteria(
    min_samples=200,
    min_interval_s=900,
    max_wait_s=3600,
    poll_interval_s=10,
    wrong_rollback_max=0.01,
    success_rate_min=0.999,
    error_rate_increase_max=0.01,
    latency_p95_max_ms=100,
    latency_ratio_max=2.0,
    latency_floor_ms=10,
    prediction_shift_max=0.5,
    prediction_spread_ratio_max=20,
    class_shift_max=0.2,
)
EARLY = StepPlan(0.5, is_final=False, alpha=0.002)
FINAL = StepPlan(0.5, is_final=True, alpha=0.002)


def make(samples: int = 4000, errors: int = 0, slow: float = 0.02, fast_ms: float = 8.0, slow_ms: float = 12.0,
         **changed: Any) -> VariantStats:  # fmt: skip
    """A variant of which a share of the answers took longer than the others."""
    succeeded = samples - errors
    late = round(succeeded * slow)
    usual = {"prediction_mean": 0.12, "prediction_deviation": 0.2, "looked_up": samples, "recent": min(samples, 100),
             "recent_entities": min(samples, 100)}  # fmt: skip
    latencies = {edge: count for edge, count in ((fast_ms, succeeded - late), (slow_ms, late)) if count}
    return VariantStats(samples, errors, latencies, **(usual | changed))


CHAMPION = make()


def judge(challenger: VariantStats, plan: StepPlan = FINAL, champion: VariantStats = CHAMPION, **changed: Any) -> Any:
    """What the judge says."""
    return judge_canary(champion, challenger, CRITERIA.model_copy(update=changed), plan)


def list_failed(decision: CanaryDecision) -> set[str]:
    """The names of the checks that were shown to be violated."""
    return {check.name for check in decision.checks if check.has_failed}


def list_open(decision: CanaryDecision) -> set[str]:
    """The names of the checks of which too little is known."""
    return {check.name for check in decision.checks if not check.is_passed and not check.is_clear}


def test_a_good_challenger_proceeds_with_every_check_listed() -> None:
    decision = judge(make(prediction_mean=0.15))
    assert decision.action == "proceed"
    assert [check.name for check in decision.checks] == [
        "champion_samples", "challenger_samples", "routing", "crossed_entities", "success_rate", "error_rate_increase",
        "failing_now", "latency_p95", "latency_ratio", "prediction_shift", "prediction_spread",
    ]  # fmt: skip
    assert decision.reason == "all 11 checks passed"


@pytest.mark.parametrize("plan", [EARLY, FINAL])
@pytest.mark.parametrize(
    ("name", "challenger", "changed"),
    [
        ("success_rate", make(errors=40), {"error_rate_increase_max": 0.1}),
        ("error_rate_increase", make(errors=200), {"success_rate_min": 0.5}),
        ("failing_now", make(recent_failures=70), {}),
        ("latency_p95", make(slow=0.1, slow_ms=110.0), {"latency_ratio_max": 100.0}),
        ("latency_ratio", make(slow=0.1, slow_ms=30.0), {}),
        ("prediction_shift", make(prediction_mean=0.36), {}),
        ("prediction_spread", make(prediction_deviation=0.0099), {}),
        ("prediction_spread", make(prediction_deviation=4.01), {}),
    ],
)
def test_each_criterion_alone_rolls_back(
    name: str, challenger: VariantStats, changed: dict[str, float], plan: StepPlan
) -> None:
    decision = judge(challenger, plan, **changed)
    assert decision.action == "roll_back"
    assert list_failed(decision) == {name}
    failed = next(check for check in decision.checks if check.name == name)
    assert failed.observed is not None
    assert failed.threshold is not None
    assert f"{name}: {failed.reason}" in decision.reason


def test_a_rate_above_its_limit_by_chance_rolls_nothing_back() -> None:
    # One of 200 failed: 0.5 % where 0.1 % is allowed, which chance does in one canary of five.
    assert judge(make(200, errors=1), EARLY, champion=make(200)).action == "proceed"
    others = make(400, errors=1)
    assert judge(make(400, errors=8), EARLY, champion=others, success_rate_min=0.9).action == "wait"
    # Slower than twice the champion in 6 of 100 answers, where 5 are allowed.
    assert judge(make(400, slow=0.06, slow_ms=30.0), EARLY, champion=make(400)).action == "wait"


def test_the_last_step_beside_the_champion_must_show_that_nothing_is_worse() -> None:
    few = make(600)
    assert judge(few, EARLY, champion=few).action == "proceed"
    decision = judge(few, FINAL, champion=few)
    assert decision.action == "wait"
    assert list_open(decision) == {"error_rate_increase"}
    assert "not shown yet" in decision.reason
    many = make(1600)
    assert judge(many, FINAL, champion=many).action == "proceed"
    # An error rate that is 0.5 % higher is within the limit of 1 %, and takes more answers to show so.
    worse = {"success_rate_min": 0.9}
    assert judge(make(4000, errors=20), FINAL, champion=make(4000), **worse).action == "wait"
    assert judge(make(20_000, errors=100), FINAL, champion=make(20_000), **worse).action == "proceed"


def test_a_challenger_that_fails_as_rarely_as_the_champion_is_not_rolled_back() -> None:
    both = make(40_000, errors=20)
    assert judge(both, FINAL, champion=both).action == "proceed"


def test_a_ratio_of_two_tiny_latencies_is_noise() -> None:
    champion = make(fast_ms=0.3, slow_ms=0.4)
    assert judge(make(fast_ms=0.9, slow_ms=1.0), champion=champion).action == "proceed"
    assert judge(make(slow=0.2, slow_ms=10.0), champion=champion).action == "proceed"
    assert list_failed(judge(make(slow=0.2, slow_ms=10.3), champion=champion)) == {"latency_ratio"}


@pytest.mark.parametrize(
    ("champion", "challenger", "short"),
    [
        (CHAMPION, make(199), "challenger_samples"),
        (make(199), CHAMPION, "champion_samples"),
        (CHAMPION, VariantStats(0, 0), "challenger_samples"),
        (VariantStats(0, 0), CHAMPION, "champion_samples"),
        (VariantStats(0, 0), VariantStats(0, 0), "challenger_samples"),
    ],
)
@pytest.mark.parametrize("plan", [EARLY, FINAL])
def test_too_few_samples_are_no_success(
    champion: VariantStats, challenger: VariantStats, short: str, plan: StepPlan
) -> None:
    decision = judge(replace(challenger, looked_up=0), plan, champion=replace(champion, looked_up=0))
    assert decision.action == "wait"
    assert short in list_open(decision)
    assert list_failed(decision) == set()


def test_harm_that_is_shown_needs_no_further_samples() -> None:
    decision = judge(make(60, errors=30), EARLY)
    assert decision.action == "roll_back"
    assert {"success_rate", "error_rate_increase"} <= list_failed(decision)


def test_a_challenger_that_only_fails_is_rolled_back_without_a_latency() -> None:
    decision = judge(VariantStats(1000, 1000, looked_up=1000), EARLY, champion=make(1000))
    assert decision.action == "roll_back"
    assert "1000 of 1000 first requests about entities failed" in decision.reason


@pytest.mark.parametrize(
    "changed", [{"prediction_mean": nan}, {"prediction_deviation": nan}, {"prediction_mean": None}]
)
def test_what_is_no_number_is_no_success(changed: dict[str, Any]) -> None:
    assert judge(make(**changed), EARLY).action != "proceed"


@pytest.mark.parametrize(
    ("champion", "challenger", "is_open"),
    [(3800, 200, set()), (3990, 10, {"routing"}), (3500, 500, {"routing"}), (20, 1, set())],
)
def test_traffic_that_is_not_split_as_the_weight_says_concludes_nothing(
    champion: int, challenger: int, is_open: set[str]
) -> None:
    plan = StepPlan(0.05, is_final=False, alpha=0.002)
    decision = judge(make(challenger), plan, champion=make(champion), min_samples=1)
    assert list_open(decision) & {"routing"} == is_open
    assert list_failed(decision) == set()
    assert (decision.action == "proceed") == (not list_open(decision))


def test_entities_of_both_variants_conclude_nothing() -> None:
    decision = judge(make(), champion=make(crossed=2000))
    assert (decision.action, list_open(decision)) == ("wait", {"crossed_entities"})
    assert judge(make(), champion=make(crossed=50)).action == "proceed"


@pytest.mark.parametrize(("failures", "is_failed"), [(1.0, False), (0.3, False), (30.0, True)])
def test_a_batch_that_failed_is_one_failure_and_many_are_many(failures: float, is_failed: bool) -> None:
    # 500 entities of one batch, or a part of one; or 30 batches.
    challenger = make(800, errors=500, tries=301, failures=failures, recent=100, recent_failures=failures)
    failed = list_failed(judge(challenger, EARLY)) & {"success_rate", "error_rate_increase", "failing_now"}
    assert (failed != set()) == is_failed


def test_what_fails_now_ends_a_step_unless_the_champion_fails_too() -> None:
    failing = make(recent_failures=90)
    assert list_failed(judge(failing, EARLY)) == {"failing_now"}
    assert judge(failing, EARLY, champion=make(recent_failures=40)).action == "proceed"
    assert judge(replace(failing, recent_entities=9), EARLY).action == "proceed"


def test_each_step_has_its_part_of_the_chance_and_the_last_beside_the_champion_is_final() -> None:
    steps = (0.05, 0.5, 1.0)
    plans = [plan_step(weight, steps, 0.03) for weight in steps]
    assert [plan.is_final for plan in plans] == [False, True, False]
    assert [plan.alpha for plan in plans] == [pytest.approx(0.01)] * 3


def test_of_two_alike_no_more_are_rolled_back_than_is_allowed_however_often_one_looks() -> None:
    random = np.random.default_rng(3)
    rate, repetitions, looks, alpha = 0.02, 80, range(50, 1500, 100), 0.05
    plan = StepPlan(0.5, is_final=True, alpha=alpha)
    limits = {"success_rate_min": 1 - rate, "error_rate_increase_max": 0.0}
    wrong = 0
    for _ in range(repetitions):
        paths = (random.random((2, looks[-1] + 1)) < rate).cumsum(axis=1)
        for count in looks:
            champion, challenger = (make(count, errors=int(path[count - 1])) for path in paths)
            if list_failed(judge(challenger, plan, champion=champion, **limits)):
                wrong += 1
                break
    assert wrong / repetitions <= alpha


def test_a_shift_is_counted_in_the_larger_deviation() -> None:
    champion = VariantStats(10, 0, prediction_mean=5.0, prediction_deviation=2.0)
    challenger = VariantStats(6, 1, prediction_mean=8.0, prediction_deviation=3.0)
    assert measure_shift(champion, challenger) == measure_shift(challenger, champion) == pytest.approx(1)


def add_classes(stats: VariantStats) -> VariantStats:
    """The same answers as those of two classes."""
    mean, deviation = stats.prediction_mean or 0.0, stats.prediction_deviation
    return replace(
        stats, classes=(ClassProbability("no", 1 - mean, deviation), ClassProbability("yes", mean, deviation))
    )


def test_two_classes_shift_as_their_one_probability_does() -> None:
    challenger = make(prediction_mean=0.15)
    expected = measure_shift(CHAMPION, challenger)
    assert measure_shift(add_classes(CHAMPION), add_classes(challenger)) == pytest.approx(expected)


def test_a_class_shift_is_what_moved_beyond_chance() -> None:
    def measure(samples: int) -> float:
        champion, challenger = (
            add_classes(make(samples, prediction_mean=mean, prediction_deviation=0.4)) for mean in (0.2, 0.5)
        )
        return measure_class_shift(champion, challenger, 0.001)

    assert measure(10**9) == pytest.approx(0.3, abs=1e-3)
    assert 0.1 < measure(2000) < 0.3
    assert measure(10) == 0.0


def test_swapped_classes_are_rolled_back() -> None:
    decision = judge(add_classes(make(prediction_mean=0.88)), champion=add_classes(CHAMPION))
    assert "class_shift" in list_failed(decision)


def test_no_spread_is_too_large_beside_a_champion_that_says_the_same_to_all() -> None:
    champion = make(prediction_deviation=1e-9)
    assert judge(make(), champion=champion).action == "proceed"


def test_answers_that_lie_further_apart_roll_back_once_chance_does_not_explain_it() -> None:
    shifted = {"prediction_mean": 0.28}
    few = judge(make(100, **shifted), EARLY, champion=make(100), min_samples=30)
    assert (few.action, list_open(few)) == ("wait", {"prediction_shift"})
    assert list_failed(judge(make(4000, **shifted), EARLY)) == {"prediction_shift"}


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
def test_a_shift_does_not_depend_on_the_unit(scale: float) -> None:
    champion = make(prediction_mean=50 * scale, prediction_deviation=10 * scale)
    challenger = replace(champion, prediction_mean=58 * scale)
    assert measure_shift(champion, challenger) == pytest.approx(0.8)
    assert list_failed(judge(challenger, champion=champion)) == {"prediction_shift"}


@pytest.mark.parametrize(
    ("before", "now", "failed"),
    [
        (0.0, 0.0, set()),
        (7.0, 7.0, set()),
        (0.3, 0.3 + 1e-8, set()),
        (0.3, 0.31, {"prediction_shift"}),
        (0.0, 1.0, {"prediction_shift"}),
    ],
)
def test_equal_constants_are_no_shift_and_different_ones_are(before: float, now: float, failed: set[str]) -> None:
    champion, challenger = (make(prediction_mean=mean, prediction_deviation=0.0) for mean in (before, now))
    assert list_failed(judge(challenger, champion=champion)) == failed
    assert isfinite(measure_shift(champion, challenger) or 0.0)


def test_a_few_answers_of_exactly_nothing_are_no_fault_of_the_judge() -> None:
    nothing = make(3, prediction_mean=0.0, prediction_deviation=0.0)
    assert judge(nothing, EARLY, champion=nothing).action == "wait"
    assert judge(make(prediction_mean=0.0, prediction_deviation=0.0), champion=nothing).action == "wait"


def test_the_reason_gives_the_interval() -> None:
    bounds = bound_share(200, 4000, FINAL.alpha / 8)
    decision = judge(make(errors=200), FINAL)
    assert f"at most {1 - bounds.low:.4%} do" in decision.reason
