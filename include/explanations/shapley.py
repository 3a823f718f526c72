"""Shapley values of the answers of any model: what each feature adds to an answer, in the unit of the answer.

The answer to a row is compared with the answers to a few background rows. Of each background row, some features take
the explained row's values while the others keep their own (the interventional values of Lundberg & Lee, 2017, and
Janzing et al., 2020); which features those are is for :mod:`include.explanations.coalitions`. The values of a row add
up to its answer less the mean answer to the background, always; they are exact for models of few features, and where
features act alone (as in linear regression) or in pairs. The same rows, background and model give the same values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from include.explanations.coalitions import plan_coalitions
from include.features.matrix import FeatureMatrix

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from include.tasks.task import Floats

    Numbers = npt.NDArray[np.float64]
    Predict = Callable[[FeatureMatrix], Floats]

BLOCK_CELLS: Final = 1 << 20
"""Values that are handed to the model at once: some megabytes, whatever the number of rows."""


@dataclass(frozen=True)
class Explanation:
    """What moved the answers to n rows.

    Attributes:
        names: of the k features.
        values: [n, k], in the unit of the answer: the probability (with several classes: of the class that is
            answered), or the number.
        base: [n], the mean answer to the background rows, to which the values of a row add its answer.
    """

    names: tuple[str, ...]
    values: Numbers
    base: Numbers


class Explainer:
    """Explains the answers of one model against its background rows."""

    def __init__(self, predict: Predict, background: FeatureMatrix, seed: int = 0) -> None:
        """Ask the model about the background.

        Args:
            predict: the answers to rows: [n], or [n, classes].
            background: at least one row of the model's features.
            seed: of the orders in which features are replaced.
        """
        self._predict = predict
        self._background = background
        self._base = _to_numbers(predict(background))
        size = len(background.names)
        self._plans = [plan_coalitions(size, seed + place) for place in range(len(background))]

    @property
    def questions(self) -> int:
        """Rows that the model is asked about to explain one answer."""
        return sum(len(plan.masks) - 2 for plan in self._plans) + 1

    def explain(self, rows: FeatureMatrix, answers: Floats | None = None) -> Explanation:
        """Explain the answer to each row, block by block.

        Args:
            rows: hold the background's features, and perhaps others.
            answers: of the model to these rows; asked for when absent.
        """
        import numpy as np

        names = self._background.names
        rows = rows.select(names)
        told = _to_numbers(self._predict(rows) if answers is None else answers)
        chosen = told.argmax(axis=1) if told.ndim == 2 else None
        values = np.zeros((len(rows), len(names)))
        most = max(1, BLOCK_CELLS // max(1, len(names) * max(len(plan.masks) for plan in self._plans)))
        for begin in range(0, len(rows), most):
            block = slice(begin, begin + most)
            picked = None if chosen is None else chosen[block]
            values[block] = self._explain_block(rows.take(block), _pick(told[block], picked), picked)
        base = np.full(len(rows), self._base.mean()) if chosen is None else self._base.mean(axis=0)[chosen]
        return Explanation(names, values, base)

    def _explain_block(self, rows: FeatureMatrix, told: Numbers, chosen: npt.NDArray[np.int64] | None) -> Numbers:
        """The values of some rows, [n, k]: the mean over the background rows."""
        import numpy as np

        values = np.zeros((len(rows), len(rows.names)))
        for place, plan in enumerate(self._plans):
            first = self._base[place]
            answers = np.empty((len(plan.masks), len(rows)))
            answers[0] = first if chosen is None else first[chosen]
            answers[-1] = told
            inner = plan.masks[1:-1]
            if len(inner):
                mixed = mix_rows(rows, self._background.take(slice(place, place + 1)), inner)
                repeated = None if chosen is None else np.tile(chosen, len(inner))
                answers[1:-1] = _pick(_to_numbers(self._predict(mixed)), repeated).reshape(len(inner), len(rows))
            values += (plan.weights @ answers).T
        return values / len(self._plans)


def mix_rows(rows: FeatureMatrix, other: FeatureMatrix, masks: npt.NDArray[np.bool_]) -> FeatureMatrix:
    """For each set of features, each row with its own values of them and the other row's of the rest, [m n, k].

    Args:
        other: one row.
        masks: [m, k] in the order of ``rows.names``.
    """
    import numpy as np

    size, count = len(rows.numeric_names), len(masks) * len(rows)
    numeric = np.where(masks[:, None, :size], rows.numeric[None], other.numeric[None])
    categorical = np.where(masks[:, None, size:], rows.categorical[None], other.categorical[None])
    return replace(rows, numeric=numeric.reshape(count, -1), categorical=categorical.reshape(count, -1))


def _to_numbers(answers: Floats) -> Numbers:
    import numpy as np

    return answers.astype(np.float64)


def _pick(answers: Numbers, chosen: npt.NDArray[np.int64] | None) -> Numbers:
    """One number for each row: its answer, or the probability of its class."""
    import numpy as np

    return answers if chosen is None else answers[np.arange(len(answers)), chosen]
