"""The figures of a demo come out of its report."""

from __future__ import annotations

from benchmarks.demo import read_figures

REPORT = {
    "stages": [{"name": "start_stack", "seconds": 20.5}, {"name": "build_features", "seconds": 30.0}],
    "total_seconds": 50.5,
    "champion": {"name": "churn (logistic)", "auc": 0.84},
    "baseline": {"feature": "orders_28d", "auc": 0.8},
}


def test_stages_and_total_stand_alone() -> None:
    *times, _ = read_figures(REPORT, "200 households")
    assert [(figure.figure, figure.ours, figure.peer) for figure in times] == [
        ("start_stack", 20.5, None),
        ("build_features", 30.0, None),
        ("total, 200 households", 50.5, None),
    ]


def test_the_champion_stands_against_one_feature() -> None:
    quality = read_figures(REPORT, "200 households")[-1]
    assert quality.figure == "churn (logistic); peer: orders_28d alone"
    assert (quality.ours, quality.peer, quality.unit) == (0.84, 0.8, "AUC")
    assert quality.ratio == 0.84 / 0.8
