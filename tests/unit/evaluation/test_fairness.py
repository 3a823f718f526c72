"""Shares of answers in groups."""

from __future__ import annotations

import numpy as np
import pytest

from include.evaluation.fairness import ODDS, PARITY, Rate, compare_groups, compare_rates, measure_fairness
from include.evaluation.groups import Grouping
from include.tasks.evidence import Event
from tests.model.candidates import change_gates, train_good, vary


def test_the_ratio_is_of_the_lower_share_to_the_higher_and_its_interval_is_that_of_katz() -> None:
    found = compare_rates("age", PARITY, "answered yes", Rate("old", 50, 100), Rate("young", 40, 100), 1)
    assert (found.lower.group, found.higher.group) == ("young", "old")
    assert found.ratio == pytest.approx(0.8)
    error = np.sqrt(1 / 40 - 1 / 100 + 1 / 50 - 1 / 100)
    assert found.low == pytest.approx(0.8 * np.exp(-1.96 * error), rel=0.02)
    assert found.high == pytest.approx(0.8 * np.exp(1.96 * error), rel=0.02)


def test_the_more_pairs_are_compared_the_wider_is_each_interval() -> None:
    one, many = (
        compare_rates("age", PARITY, "yes", Rate("a", 30, 100), Rate("b", 40, 100), comparisons)
        for comparisons in (1, 20)
    )
    assert many.low < one.low
    assert many.high > one.high


@pytest.mark.parametrize(("hits", "ratio"), [((0, 0), 1.0), ((0, 20), 0.0), ((50, 50), 1.0)])
def test_nobody_and_everybody_have_a_ratio_too(hits: tuple[int, int], ratio: float) -> None:
    found = compare_rates("age", ODDS, "yes", Rate("a", hits[0], 50), Rate("b", hits[1], 50), 1)
    assert found.ratio == ratio
    assert np.isfinite([found.low, found.high]).all()


def test_equal_groups_seldom_seem_unequal() -> None:
    """Of a hundred draws of four groups that are answered alike, the surest pair is below the limit in few."""
    dice, wrong = np.random.default_rng(4), 0
    members = {str(at): np.arange(800) // 200 == at for at in range(4)}
    for _ in range(100):
        answered, is_true = dice.random(800) < 0.3, dice.random(800) < 0.5
        found = compare_groups(Grouping("age", members, 0, 4), [Event("yes", answered, is_true)], 30)
        assert found.surest is not None
        wrong += found.surest.high < 0.8
    assert wrong <= 5


def test_all_three_measures_are_taken_and_groups_that_are_too_small_are_not() -> None:
    answered, is_true = np.arange(300) % 2 == 0, np.arange(300) % 3 == 0
    members = {"a": np.arange(300) < 150, "b": (np.arange(300) >= 150) & (np.arange(300) < 280),
               "c": np.arange(300) >= 280}  # fmt: skip
    found = compare_groups(Grouping("age", members, 0, 3), [Event("yes", answered, is_true)], 30)
    assert {one.kind for one in found.worst} == {PARITY, ODDS}
    assert len(found.worst) == 3
    assert found.small == ("c (20)",)
    assert found.groups == {"a": 150, "b": 130, "c": 20}
    assert {rate.group for one in found.worst for rate in (one.lower, one.higher)} == {"a", "b"}
    few = compare_groups(Grouping("age", members, 0, 3), [Event("yes", answered, is_true)], 60)
    assert few.small_measures == ("answered 'yes' where it is true",)


@pytest.mark.parametrize(("attributes", "expected"), [(None, None), ((), ())])
def test_without_attributes_nothing_is_read(attributes: tuple[str, ...] | None, expected: object) -> None:
    good = train_good("binary")
    candidate = vary(good, model=change_gates(good.model, fairness={"attributes": attributes}))
    assert measure_fairness(candidate) == expected
