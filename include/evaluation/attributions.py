"""How much each feature moves the answer to single rows: Shapley values of what serves, estimated by sampling."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from include.evaluation.candidate import Candidate
from include.evaluation.robustness import draw_rows
from include.features.matrix import FeatureMatrix

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Numbers = npt.NDArray[np.float64]
    Order = npt.NDArray[np.int64]

ROWS: Final = 50
"""Test rows that are explained."""
PAIRS: Final = 6
"""Orders in which the features come, each once from its end, too."""
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

    Against random other test rows, features take the explained row's value one by one, in random orders and the same
    from their ends; what a step adds to the answer is the feature's (Štrumbelj & Kononenko, 2014). The values of a row
    add up to its answer less the mean answer to the rows that it was compared with.
    """
    import numpy as np

    names = candidate.onnx.contract.feature_names
    rows = draw_rows(candidate.data.test, ROWS, candidate.seed).matrix.select(names)
    others = candidate.data.test.matrix.select(names)
    values = explain_rows(candidate, rows, others)
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


def explain_rows(candidate: Candidate, rows: FeatureMatrix, others: FeatureMatrix) -> Numbers:
    """The Shapley value of each feature of each row, [n, k], in the order of ``rows.names``."""
    import numpy as np

    generator = np.random.default_rng(candidate.seed)
    answers = candidate.onnx.predict(rows)
    chosen = answers.argmax(axis=1) if answers.ndim == 2 else None
    values = np.zeros((len(rows), len(rows.names)))
    for _ in range(PAIRS):
        order = generator.permutation(len(rows.names))
        background = others.take(generator.integers(0, len(others), len(rows)))
        for way in (order, order[::-1]):
            steps = candidate.onnx.predict(replace_stepwise(rows, background, way))
            told = steps if chosen is None else steps[np.arange(len(steps)), np.tile(chosen, len(way) + 1)]
            values[:, way] += np.diff(told.astype(np.float64).reshape(len(way) + 1, len(rows)), axis=0).T
    return values / (2 * PAIRS)


def replace_stepwise(rows: FeatureMatrix, background: FeatureMatrix, order: Order) -> FeatureMatrix:
    """The background rows, then with one feature more of ``rows`` at each step, [(k + 1) n]."""
    import numpy as np

    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    is_own = rank[None, None, :] < np.arange(len(order) + 1)[:, None, None]
    size = len(rows.numeric_names)
    numeric = np.where(is_own[:, :, :size], rows.numeric, background.numeric)
    categorical = np.where(is_own[:, :, size:], rows.categorical, background.categorical)
    count = len(rows) * (len(order) + 1)
    return replace(
        rows, numeric=numeric.reshape(count, -1).astype(np.float32), categorical=categorical.reshape(count, -1)
    )


def find_places(rows: FeatureMatrix, at: int) -> tuple[float | None, ...]:
    """Where each row's value of a feature lies among all rows' values."""
    import numpy as np

    if at >= len(rows.numeric_names):
        return (None,) * len(rows)
    column = rows.numeric[:, at]
    known = np.sort(column[~np.isnan(column)])
    lower = np.searchsorted(known, column, side="left") / max(len(known) - 1, 1)
    return tuple(None if np.isnan(one) else round(float(share), 2) for one, share in zip(column, lower, strict=True))
