"""Losses do not add up from one champion to the next."""

from __future__ import annotations

import itertools

import pytest

from include.gates.best_ever import check_best_ever
from include.gates.production import check_production
from include.settings.gates import BestEverGate, ProductionGate

STEP = ProductionGate(min_gain=-0.005, when_incomparable="ask", severity="blocking")
LIMITS = BestEverGate(min_gain=-0.01, severity="blocking")


def test_small_losses_pass_one_by_one_until_they_add_up() -> None:
    scores = [0.86 - 0.004 * version for version in range(5)]
    passed = []
    for before, score in itertools.pairwise(scores):
        step = {"version": 1, "score": before, "gain": score - before, "note": "a little worse"}
        best = {"version": 1, "score": scores[0], "gain": score - scores[0], "note": "worse by and by"}
        assert check_production(step, "AUC", STEP).is_passed
        passed.append(check_best_ever(best, "AUC", LIMITS).is_passed)
    assert passed == [True, True, False, False]


@pytest.mark.parametrize(("gain", "is_passed"), [(0.01, True), (-0.01, True), (-0.0101, False), (float("nan"), False)])
def test_the_limit_is_of_the_gain(gain: float, is_passed: bool) -> None:
    best = {"version": 2, "score": 0.85, "gain": gain, "note": "what was seen"}
    result = check_best_ever(best, "AUC", LIMITS)
    assert result.is_passed is is_passed
    assert "version 2, the best that is or was champion (AUC 0.8500): what was seen" in result.reason


def test_where_none_can_answer_there_is_nothing_to_lose() -> None:
    result = check_best_ever(None, "AUC", LIMITS)
    assert (result.is_passed, result.observed) == (True, None)
