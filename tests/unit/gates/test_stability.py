"""The gate on stability."""

from __future__ import annotations

import pytest

from include.evaluation.stability import Segment, StabilityEvidence
from include.gates.stability import check_stability
from include.settings.gates import StabilityGate

LIMITS = StabilityGate(
    max_time_loss=0.1, max_segment_loss=0.2, min_segment_count=30, when_unclear="staging", severity="blocking"
)
NAN = float("nan")


def check(slices: tuple[float, ...], *segments: tuple[float, float]) -> tuple[bool, bool, str]:
    """The answer about segments of a score and a high end each, where the whole has a score of 0.8."""
    found = tuple(
        Segment("site", str(index), score, score - 0.05, high, 50) for index, (score, high) in enumerate(segments)
    )
    result = check_stability(StabilityEvidence(slices, 0.8, found, ("site moved (3 rows)",)), "AUC", LIMITS)
    return result.is_passed, result.is_clear, result.reason


@pytest.mark.parametrize(
    ("slices", "segments", "is_passed", "is_clear"),
    [
        ((0.8, 0.71), [(0.79, 0.79)], True, True),
        ((0.8,), [], True, True),
        ((0.8, 0.69), [(0.79, 0.79)], False, True),
        ((0.8, NAN), [(0.79, 0.79)], False, True),
        ((0.8, 0.8), [(0.61, 0.61)], True, True),
        ((0.8, 0.8), [(0.55, 0.65), (0.8, 0.8)], False, False),
        ((0.8, 0.8), [(0.5, 0.58), (0.55, 0.65)], False, True),
        ((0.8, 0.8), [(NAN, NAN)], False, True),
    ],
    ids=["alike", "no segment", "another time", "no number", "a little lower", "perhaps", "surely", "no score"],
)
def test_no_time_and_no_segment_may_fall_behind(
    slices: tuple[float, ...], segments: list[tuple[float, float]], is_passed: bool, is_clear: bool
) -> None:
    assert check(slices, *segments)[:2] == (is_passed, is_clear)


def test_the_lowest_segments_and_those_too_small_are_named() -> None:
    reason = check((0.8,), (0.5, 0.58), (0.7, 0.7))[2]
    assert "site 0 0.500 (high end 0.580)" in reason
    assert "site moved (3 rows)" in reason
