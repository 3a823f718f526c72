"""The features to name as what moved an answer."""

from __future__ import annotations

import math
from typing import Any, Final

from include.explanations.shapley import Explanation
from include.features.matrix import MISSING_TEXT, FeatureMatrix

Reason = dict[str, Any]
"""``{"feature", "value", "contribution"}``: the row's value (null where missing), and how far it moved the answer."""

DIGITS: Final = 6
"""Of a contribution that count: float32 answers hold no more."""


def list_reasons(explanation: Explanation, rows: FeatureMatrix, most: int | None = None) -> list[list[Reason]]:
    """Of each row, the features that moved its answer, the farthest first; of equals, in the order of the features.

    What has moved nothing is no reason, unless all features are asked for.

    Args:
        rows: that were explained.
        most: at most so many of each row; None for all features.
    """
    import numpy as np

    rows = rows.select(explanation.names)
    order = np.argsort(-np.abs(explanation.values), axis=1, kind="stable")[:, :most]
    moved = np.take_along_axis(explanation.values, order, axis=1).tolist()
    return [
        [
            {"feature": rows.names[place], "value": _find_value(rows, row, place), "contribution": _round(value)}
            for place, value in zip(places, values, strict=True)
            if most is None or _round(value) != 0
        ]
        for row, (places, values) in enumerate(zip(order.tolist(), moved, strict=True))
    ]


def _find_value(rows: FeatureMatrix, row: int, place: int) -> float | str | None:
    numbers = len(rows.numeric_names)
    if place >= numbers:
        text = str(rows.categorical[row, place - numbers])
        return None if text == MISSING_TEXT else text
    number = float(f"{rows.numeric[row, place]:.7g}")
    return number if math.isfinite(number) else None


def _round(value: float) -> float:
    """Six digits that count; what is left of rounding in float32 is nothing."""
    return float(f"{value:.{DIGITS}g}") if abs(value) > 1e-9 else 0.0
