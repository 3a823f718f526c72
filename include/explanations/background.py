"""Chooses the few rows that the answers of a version are compared with."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from include.explanations.shapley import mix_rows
from include.features.matrix import FeatureMatrix

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from include.tasks.task import Floats

    Numbers = npt.NDArray[np.float64]
    Places = npt.NDArray[np.int64]
    Predict = Callable[[FeatureMatrix], Floats]

MOST_ROWS: Final = 2_000
"""Training rows among which is chosen; of more, as many are drawn."""
REFERENCES: Final = 3
"""Rows in which features are replaced one by one to see what they do."""
PASSES: Final = 4
_BLOCK_ROWS: Final = 200


def choose_background(predict: Predict, rows: FeatureMatrix, count: int, seed: int) -> FeatureMatrix:
    """A few rows that stand for all: together they do to the answers what the rows do on average.

    Sorted by the model's answers, the rows are cut into equal parts, of which each gives one row. What each feature's
    value does is seen by putting it, alone, into some reference rows. The row of each part is exchanged for another of
    it while that brings the chosen rows' mean effects and mean answer nearer to those of all rows. A few rows so chosen
    explain about as well as many drawn at random, and what an explanation costs grows with their number.

    Args:
        rows: of the training split, with the model's features alone.
        count: at least 1; of fewer rows all are taken.
        seed: of the draw.
    """
    import numpy as np

    if len(rows) > MOST_ROWS:
        rows = rows.take(np.sort(np.random.default_rng(seed).choice(len(rows), MOST_ROWS, replace=False)))
    answers = predict(rows)
    order = np.lexsort((answers,) if answers.ndim == 1 else (answers.max(axis=1), answers.argmax(axis=1)))
    rows, answers = rows.take(order), answers[order].astype(np.float64).reshape(len(rows), -1)
    references = rows.take(_find_middles(len(rows), REFERENCES))
    effects = measure_effects(predict, rows, references)
    # The answer weighs as much as all effects together.
    weighed = np.concatenate([effects, answers * np.sqrt(effects.shape[1] / answers.shape[1])], axis=1)
    return rows.take(match_means(weighed, min(count, len(rows))))


def measure_effects(predict: Predict, rows: FeatureMatrix, references: FeatureMatrix) -> Numbers:
    """The answers to each reference row with one feature's value of each row, [n, references x k x classes]."""
    import numpy as np

    one_by_one = np.eye(len(rows.names), dtype=bool)
    found = []
    for begin in range(0, len(rows), _BLOCK_ROWS):
        block = rows.take(slice(begin, begin + _BLOCK_ROWS))
        told = [
            predict(mix_rows(block, references.take([place]), one_by_one)).reshape(len(one_by_one), len(block), -1)
            for place in range(len(references))
        ]
        found.append(np.stack(told).transpose(2, 0, 1, 3).reshape(len(block), -1))
    effects: Numbers = np.concatenate(found).astype(np.float64)
    return effects


def match_means(values: Numbers, count: int) -> Places:
    """Of so many equal parts of the rows, one row each, so that their mean is near the mean of all rows."""
    import numpy as np

    away = values - values.mean(axis=0)
    bounds = (np.arange(count + 1) * len(values) / count).astype(np.int64)
    chosen = _find_middles(len(values), count)
    for _ in range(PASSES):
        before = chosen.copy()
        for part in range(count):
            rest = away[np.delete(chosen, part)].sum(axis=0)
            begin, end = bounds[part], bounds[part + 1]
            chosen[part] = begin + ((rest + away[begin:end]) ** 2).sum(axis=1).argmin()
        if (before == chosen).all():
            break
    return chosen


def _find_middles(size: int, parts: int) -> Places:
    import numpy as np

    middles: Places = ((np.arange(parts) + 0.5) * size / parts).astype(np.int64)
    return middles
