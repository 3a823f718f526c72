"""The gate on what splits have in common."""

from __future__ import annotations

import pytest

from include.evaluation.overlap import OverlapEvidence
from include.gates.overlap import check_overlap
from include.settings.gates import OverlapGate

GAPS = {"validation": 28, "test": 30}


@pytest.mark.parametrize(
    ("kind", "shared", "held_out", "gaps", "max_share", "is_passed"),
    [
        ("time", 0, 400, GAPS, 0.0, True),
        ("time", 1, 400, GAPS, 0.0, False),
        ("time", 4, 400, GAPS, 0.01, True),
        ("time", 0, 400, {**GAPS, "test": 27}, 0.0, False),
        ("time", 0, 400, {**GAPS, "test": 27}, 1.0, False),
        ("entity", 0, 400, {}, 0.0, True),
        ("entity", 5, 400, {}, 0.01, False),
        ("entity", 0, 0, {}, 0.0, False),
    ],
)
def test_nothing_may_stand_in_two_splits(
    kind: str, shared: int, held_out: int, gaps: dict[str, int], max_share: float, is_passed: bool
) -> None:
    limits = OverlapGate(max_share=max_share, severity="blocking")
    result = check_overlap(OverlapEvidence(kind, shared, held_out, gaps, 28), limits)
    assert result.is_passed is is_passed
    assert f"{shared} of {held_out}" in result.reason
