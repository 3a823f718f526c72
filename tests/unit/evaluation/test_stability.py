"""Scores over time and by segment."""

from __future__ import annotations

import pytest

from include.evaluation.stability import measure_stability
from tests.model.candidates import change_gates, train_good, vary


def test_categories_and_booleans_are_segments_and_small_ones_are_named() -> None:
    found = measure_stability(train_good("binary"))
    assert {segment.column for segment in found.segments} == {"site", "is_covered", "paint"}
    assert {segment.value for segment in found.segments if segment.column == "is_covered"} == {"yes", "no"}
    assert [text.split(" (")[0] for text in found.small] == ["site moved"]
    assert all(segment.low < segment.score < segment.high for segment in found.segments)


def test_declared_columns_are_segments_alone() -> None:
    good = train_good("binary")
    model = change_gates(good.model, stability={"segments": ("paint", "wear"), "max_segment_loss": -0.05})
    found = measure_stability(vary(good, model=model))
    assert {segment.column for segment in found.segments} == {"paint"}
    assert found.small[0].startswith("wear (")
    assert all(segment.high > segment.score for segment in found.segments)


def test_the_newest_time_comes_first() -> None:
    good = train_good("regression")
    found = measure_stability(vary(good, validation={"folds": 2, "scores": [0.4, 0.5]}))
    assert found.slices == (pytest.approx(good.result["score"]), 0.4, 0.5)
