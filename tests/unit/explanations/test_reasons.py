"""Which features are named as what moved an answer."""

from __future__ import annotations

import numpy as np

from include.explanations.reasons import list_reasons
from include.explanations.shapley import Explanation
from include.features.matrix import FeatureMatrix

ROWS = FeatureMatrix(
    np.array([[1.5, np.nan], [0.1, np.inf]], dtype=np.float32), np.array([["south"], [""]], dtype=object),
    ("heat", "wear"), ("site",),
)  # fmt: skip


def explain(*values: list[float]) -> Explanation:
    """An explanation with these values."""
    return Explanation(("heat", "wear", "site"), np.array(values), np.zeros(len(values)))


def test_the_farthest_moves_come_first_with_their_sign_and_value() -> None:
    found = list_reasons(explain([0.1, -0.3, 0.2], [0.0, 0.1, -0.2]), ROWS, 2)
    assert found == [
        [
            {"feature": "wear", "value": None, "contribution": -0.3},
            {"feature": "site", "value": "south", "contribution": 0.2},
        ],
        [
            {"feature": "site", "value": None, "contribution": -0.2},
            {"feature": "wear", "value": None, "contribution": 0.1},
        ],
    ]


def test_what_moved_nothing_is_no_reason_unless_all_are_asked_for() -> None:
    explanation = explain([0.0, 1e-12, 0.5], [0.0, 0.0, 0.0])
    assert [[one["feature"] for one in row] for row in list_reasons(explanation, ROWS, 3)] == [["site"], []]
    everything = list_reasons(explanation, ROWS)
    assert [one["feature"] for one in everything[0]] == ["site", "wear", "heat"]
    assert [one["feature"] for one in everything[1]] == ["heat", "wear", "site"]


def test_numbers_are_written_as_short_as_float32_allows() -> None:
    one = list_reasons(explain([1 / 3, 0, 0], [1 / 3, 0, 0]), ROWS, 1)[1][0]
    assert one == {"feature": "heat", "value": 0.1, "contribution": 0.333333}
