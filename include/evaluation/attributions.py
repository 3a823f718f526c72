"""How much each feature moves the answers to single test rows, explained as its scores will be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from include.evaluation.candidate import Candidate
from include.evaluation.robustness import draw_rows
from include.explanations.background import choose_background
from include.explanations.shapley import Explainer
from include.features.matrix import FeatureMatrix

ROWS: Final = 50
"""Test rows that are explained."""
MOST_FEATURES: Final = 10


@dataclass(frozen=True)
class Attribution:
    """What one feature does to the answers.

    Attributes:
        mean: of the absolute values.
        values: for each explained row, in the unit of the answer: probability (of the answered class), or forecast.
        places: of each row, the share of the explained rows with a lower value of the feature; None for text, and
            where the value is missing.
    """

    feature: str
    mean: float
    values: tuple[float, ...]
    places: tuple[float | None, ...]


def measure_attributions(candidate: Candidate) -> tuple[Attribution, ...]:
    """The features that move the answers most, the highest first; beyond ``MOST_FEATURES`` they are left out.

    The values of a row add up to its answer less the mean answer to the background rows that the candidate carries (see
    :mod:`include.explanations.shapley`).
    """
    import numpy as np

    onnx = candidate.onnx
    names = onnx.contract.feature_names
    rows = draw_rows(candidate.data.test, ROWS, candidate.seed).matrix.select(names)
    values = Explainer(onnx.predict, find_background(candidate)).explain(rows).values
    means = np.abs(values).mean(axis=0)
    order = np.argsort(-means, kind="stable")[:MOST_FEATURES]
    return tuple(
        Attribution(
            rows.names[at], float(means[at]), tuple(float(f"{one:.3g}") for one in values[:, at]),
            find_places(rows, int(at)),
        )
        for at in order
        if means[at] > 0
    )  # fmt: skip


def find_background(candidate: Candidate) -> FeatureMatrix:
    """The rows that the candidate carries; one that carries none gets those that its training would choose now."""
    onnx, settings = candidate.onnx, candidate.model.training
    if onnx.background is not None:
        return onnx.background
    rows = candidate.data.train.matrix.select(onnx.contract.feature_names)
    return choose_background(onnx.predict, rows, settings.background_rows, candidate.seed)


def find_places(rows: FeatureMatrix, at: int) -> tuple[float | None, ...]:
    """Where each row's value of a feature lies among all rows' values."""
    import numpy as np

    if at >= len(rows.numeric_names):
        return (None,) * len(rows)
    column = rows.numeric[:, at]
    known = np.sort(column[~np.isnan(column)])
    lower = np.searchsorted(known, column, side="left") / max(len(known) - 1, 1)
    return tuple(None if np.isnan(one) else round(float(share), 2) for one, share in zip(column, lower, strict=True))
