"""The figures of a demo come out of its report."""

from __future__ import annotations

from benchmarks.demo import read_figures

REPORT = {
    "stages": [
        {"name": "start_stack", "model": None, "seconds": 20.5},
        {"name": "units.train_candidates", "model": "units", "seconds": 30.0},
    ],
    "total_seconds": 45.5,
    "models": {
        "failures": {
            "champion": {"score_name": "auc", "score": 0.84}, "baseline": {"feature": "age_days", "score": 0.8},
        },
        "units": {
            "champion": {"score_name": "d2_absolute_error", "score": 0.4},
            "baseline": {"feature": "units_7d", "score": 0.32},
        },
    },
}  # fmt: skip


def test_stages_and_total_stand_alone() -> None:
    figures = read_figures(REPORT, "200 machines")
    assert [(figure.figure, figure.ours, figure.peer) for figure in figures[:3]] == [
        ("start_stack", 20.5, None),
        ("units.train_candidates", 30.0, None),
        ("total, 200 machines", 45.5, None),
    ]


def test_each_champion_stands_against_one_feature_in_its_own_score() -> None:
    quality = read_figures(REPORT, "200 machines")[3:]
    assert [(figure.figure, figure.ours, figure.peer, figure.unit) for figure in quality] == [
        ("failures; peer: age_days alone", 0.84, 0.8, "AUC"),
        ("units; peer: units_7d alone", 0.4, 0.32, "D²"),
    ]
    assert quality[0].ratio == 0.84 / 0.8
