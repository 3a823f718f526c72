"""The figures show the numbers that they were given."""

from __future__ import annotations

import io

import numpy as np

from include.training.plots import draw_calibration, draw_importance, draw_roc

LABELS = np.array([0, 1] * 50)
SCORES = np.where(LABELS == 1, 0.7, 0.2) + np.random.default_rng(1).normal(0, 0.1, 100)
SCORES = SCORES.clip(0, 1)


def test_a_perfect_ranking_fills_the_square() -> None:
    curve = draw_roc(LABELS, LABELS.astype(float), "forest: ROC").axes[0].lines[0]
    assert (0.0, 1.0) in list(zip(curve.get_xdata(), curve.get_ydata(), strict=True))


def test_calibration_shows_ten_groups() -> None:
    axes = draw_calibration(LABELS, SCORES, "forest: calibration").axes[0]
    assert len(axes.lines[0].get_xdata()) == 10
    assert axes.get_title() == "forest: calibration"


def test_the_most_important_features_stand_at_the_top() -> None:
    importance = {f"feature_{rank:02}": 1 / (rank + 1) for rank in range(20)}
    axes = draw_importance(importance, "importance", top=3).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["feature_02", "feature_01", "feature_00"]


def test_a_figure_becomes_a_png() -> None:
    content = io.BytesIO()
    draw_roc(LABELS, SCORES, "ROC").savefig(content, format="png")
    assert content.getvalue().startswith(b"\x89PNG")
