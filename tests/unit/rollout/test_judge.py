"""The judge can say no for each reason alone, and says nothing without evidence."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite, pi

import numpy as np
import pytest

from include.rollout.judge import judge_canary, measure_class_shift, measure_shift
from include.rollout.stats import ClassProbability, VariantStats
from include.settings.rollout import CanaryCriteria

CRITERIA = CanaryCriteria(
    min_samples=1000,
    min_interval_s=900,
    max_wait_s=3600,
    poll_interval_s=10,
    success_rate_min=0.999,
    error_rate_max=0.001,
    error_rate_increase_max=0.01,
    latency_p95_max_ms=100,
    latency_ratio_max=2.0,
    latency_floor_ms=10,
    prediction_shift_max=0.5,
    prediction_spread_ratio_max=20,
    class_shift_max=0.2,
)
CHAMPION = VariantStats(samples=20_000, errors=0, latency_p95_ms=8.0, prediction_mean=0.12, prediction_deviation=0.2)
CHALLENGER = VariantStats(samples=2_000, errors=0, latency_p95_ms=9.0, prediction_mean=0.15, prediction_deviation=0.2)


def list_failed(champion: VariantStats, challenger: VariantStats, criteria: CanaryCriteria) -> set[str]:
    """The names of the checks that say no."""
    return {check.name for check in judge_canary(champion, challenger, criteria).checks if not check.is_passed}


def test_a_good_challenger_proceeds_with_every_check_listed() -> None:
    decision = judge_canary(CHAMPION, CHALLENGER, CRITERIA)
    assert decision.action == "proceed"
    assert [check.name for check in decision.checks] == [
        "champion_samples",
        "challenger_samples",
        "success_rate",
        "error_rate",
        "error_rate_increase",
        "latency_p95",
        "latency_ratio",
        "prediction_shift",
        "prediction_spread",
    ]
    assert decision.reason == "all 9 checks passed"


@pytest.mark.parametrize(
    ("name", "champion", "challenger", "criteria"),
    [
        ("success_rate", CHAMPION, replace(CHALLENGER, errors=3), CRITERIA.model_copy(update={"error_rate_max": 0.1})),
        ("error_rate", CHAMPION, replace(CHALLENGER, errors=3), CRITERIA.model_copy(update={"success_rate_min": 0.9})),
        (
            "error_rate_increase",
            replace(CHAMPION, errors=20),
            replace(CHALLENGER, errors=30),
            CRITERIA.model_copy(update={"success_rate_min": 0.9, "error_rate_max": 0.1}),
        ),
        ("latency_p95", replace(CHAMPION, latency_p95_ms=70.0), replace(CHALLENGER, latency_p95_ms=101.0), CRITERIA),
        ("latency_ratio", CHAMPION, replace(CHALLENGER, latency_p95_ms=16.1), CRITERIA),
        ("prediction_shift", CHAMPION, replace(CHALLENGER, prediction_mean=0.2295), CRITERIA),
        ("prediction_spread", CHAMPION, replace(CHALLENGER, prediction_deviation=0.0099), CRITERIA),
        ("prediction_spread", CHAMPION, replace(CHALLENGER, prediction_deviation=4.01), CRITERIA),
    ],
)  # fmt: skip
def test_each_criterion_alone_rolls_back(
    name: str, champion: VariantStats, challenger: VariantStats, criteria: CanaryCriteria
) -> None:
    decision = judge_canary(champion, challenger, criteria)
    assert decision.action == "roll_back"
    assert list_failed(champion, challenger, criteria) == {name}
    failed = next(check for check in decision.checks if check.name == name)
    assert failed.observed is not None
    assert failed.threshold is not None
    assert name in decision.reason
    assert failed.reason in decision.reason


@pytest.mark.parametrize(
    ("champion", "challenger"),
    [
        (CHAMPION, replace(CHALLENGER, errors=2)),
        (replace(CHAMPION, errors=180), replace(CHALLENGER, errors=2)),
        (replace(CHAMPION, latency_p95_ms=60.0), replace(CHALLENGER, latency_p95_ms=100.0)),
        (CHAMPION, replace(CHALLENGER, latency_p95_ms=16.0)),
        # Half a deviation, and two standard errors of 20,000 and 2,000 answers: 0.1 + 2 * 0.2 * sqrt(1/20000 + 1/2000).
        (CHAMPION, replace(CHALLENGER, prediction_mean=0.2293)),
    ],
)
def test_the_threshold_itself_still_passes(champion: VariantStats, challenger: VariantStats) -> None:
    assert judge_canary(champion, challenger, CRITERIA).action == "proceed"


def test_a_ratio_of_two_tiny_latencies_is_noise() -> None:
    champion = replace(CHAMPION, latency_p95_ms=0.4)
    assert judge_canary(champion, replace(CHALLENGER, latency_p95_ms=1.0), CRITERIA).action == "proceed"
    assert judge_canary(champion, replace(CHALLENGER, latency_p95_ms=10.0), CRITERIA).action == "proceed"
    assert list_failed(champion, replace(CHALLENGER, latency_p95_ms=10.1), CRITERIA) == {"latency_ratio"}


@pytest.mark.parametrize(
    ("champion", "challenger", "short"),
    [
        (CHAMPION, replace(CHALLENGER, samples=999, errors=999), "challenger_samples"),
        (replace(CHAMPION, samples=999), CHALLENGER, "champion_samples"),
        (CHAMPION, VariantStats(0, 0, None, None, None), "challenger_samples"),
    ],
)
def test_too_few_samples_wait_whatever_they_say(champion: VariantStats, challenger: VariantStats, short: str) -> None:
    decision = judge_canary(champion, challenger, CRITERIA)
    assert decision.action == "wait"
    assert short in decision.reason


def test_a_challenger_that_only_fails_is_rolled_back_without_a_latency() -> None:
    decision = judge_canary(CHAMPION, VariantStats(1000, 1000, None, None, None), CRITERIA)
    assert decision.action == "roll_back"
    assert "1000 of 1000 answers failed" in decision.reason


def test_a_shift_is_counted_in_the_larger_deviation() -> None:
    champion = VariantStats(10, 0, 1.0, prediction_mean=5.0, prediction_deviation=2.0)
    challenger = VariantStats(6, 1, 1.0, prediction_mean=8.0, prediction_deviation=3.0)
    assert measure_shift(champion, challenger) == measure_shift(challenger, champion) == pytest.approx(1)


def test_two_classes_shift_as_their_one_probability_does() -> None:
    def add_classes(stats: VariantStats) -> VariantStats:
        mean, deviation = stats.prediction_mean or 0.0, stats.prediction_deviation
        classes = (ClassProbability("no", 1 - mean, deviation), ClassProbability("yes", mean, deviation))
        return replace(stats, classes=classes)

    expected = measure_shift(CHAMPION, CHALLENGER)
    assert measure_shift(add_classes(CHAMPION), add_classes(CHALLENGER)) == pytest.approx(expected)


@pytest.mark.parametrize(("samples", "expected"), [(10**9, 0.3), (50, 0.3 - (2 / pi) ** 0.5 * 0.08), (2, 0)])
def test_a_class_shift_is_what_moved_less_what_chance_moves(samples: int, expected: float) -> None:
    # given two classes of deviation 0.4, which have a standard error of 0.4 * sqrt(2 / samples) each
    def make(mean: float) -> VariantStats:
        classes = (ClassProbability("no", 1 - mean, 0.4), ClassProbability("yes", mean, 0.4))
        return VariantStats(samples, 0, 1.0, 0.7, 0.1, classes)

    assert measure_class_shift(make(0.2), make(0.5)) == pytest.approx(expected, abs=1e-3)


def test_no_spread_is_too_large_beside_a_champion_that_says_the_same_to_all() -> None:
    champion = replace(CHAMPION, prediction_deviation=1e-9)
    assert judge_canary(champion, CHALLENGER, CRITERIA).action == "proceed"
    assert judge_canary(champion, replace(CHALLENGER, prediction_mean=0.12), CRITERIA).action == "proceed"


@pytest.mark.parametrize(("samples", "failed"), [(100, set()), (2_000, {"prediction_shift"})])
def test_few_answers_that_lie_further_apart_by_chance_roll_nothing_back(samples: int, failed: set[str]) -> None:
    """0.6 standard deviations: of 100 answers 0.2 of them may be chance, of 2,000 hardly anything."""
    criteria = CRITERIA.model_copy(update={"min_samples": 100})
    challenger = replace(CHALLENGER, samples=samples, prediction_mean=0.24)
    assert list_failed(CHAMPION, challenger, criteria) == failed


def test_answers_of_the_same_entities_again_are_no_evidence_of_a_shift() -> None:
    """0.6 standard deviations again: 2,000 answers, but of 25 entities."""
    challenger = replace(CHALLENGER, prediction_mean=0.24, entities=25)
    assert list_failed(CHAMPION, challenger, CRITERIA) == set()
    assert list_failed(CHAMPION, replace(challenger, entities=2_000), CRITERIA) == {"prediction_shift"}


def test_swapped_columns_are_found_with_few_entities() -> None:
    challenger = replace(CHALLENGER, prediction_mean=0.42, entities=25)
    assert list_failed(CHAMPION, challenger, CRITERIA) == {"prediction_shift"}


def test_a_good_model_is_hardly_ever_rolled_back_by_the_answers_that_it_happened_to_give() -> None:
    """Means that are truly 0.4 deviations apart, judged a thousand times on a hundred answers of the challenger."""
    dice, criteria = np.random.default_rng(11), CRITERIA.model_copy(update={"min_samples": 100})
    means = dice.normal(0.12 + 0.4 * 0.2, 0.2, (1000, 100)).mean(axis=1)
    judged = [list_failed(CHAMPION, replace(CHALLENGER, samples=100, prediction_mean=mean), criteria) for mean in means]
    assert sum(map(bool, judged)) < 10


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
def test_a_shift_does_not_depend_on_the_unit(scale: float) -> None:
    champion = VariantStats(1000, 0, 1.0, prediction_mean=50 * scale, prediction_deviation=10 * scale)
    challenger = replace(champion, prediction_mean=56 * scale)
    assert measure_shift(champion, challenger) == pytest.approx(0.6)
    assert list_failed(champion, challenger, CRITERIA) == {"prediction_shift"}


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
    champion = VariantStats(2000, 0, 1.0, prediction_mean=before, prediction_deviation=0.0)
    challenger = VariantStats(2000, 0, 1.0, prediction_mean=now, prediction_deviation=0.0)
    assert list_failed(champion, challenger, CRITERIA) == failed
    assert isfinite(measure_shift(champion, challenger) or 0.0)
