"""How sure a score is: intervals and standard errors over resampled rows (Efron, 1979; percentile method)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from include.tasks.task import Task

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from include.tasks.task import Floats, Labels

_INTERVAL: Final = (2.5, 97.5)
_BATCH: Final = 100


@dataclass(frozen=True)
class Interval:
    """The 95 % bootstrap interval of a figure."""

    low: float
    high: float


def estimate_interval(task: Task, labels: Labels, predictions: Floats, repetitions: int, seed: int) -> Interval:
    """The interval of the score over samples of the rows."""
    return _take_percentiles(
        task.weighted_scores(labels, predictions, weights) for weights in draw_weights(len(labels), repetitions, seed)
    )


def estimate_gain_interval(
    task: Task, labels: Labels, predictions: Floats, others: Floats, repetitions: int, seed: int
) -> Interval:
    """The interval of the score of one model less that of another, both on the same samples of the rows."""
    return _take_percentiles(
        task.weighted_scores(labels, predictions, weights) - task.weighted_scores(labels, others, weights)
        for weights in draw_weights(len(labels), repetitions, seed)
    )


def estimate_standard_error(
    task: Task, labels: Labels, predictions: Floats, clusters: npt.NDArray[np.int64], repetitions: int, seed: int
) -> float | None:
    """The standard error of the score when whole clusters are resampled (Field and Welsh, 2007); None if undefined.

    Args:
        clusters: of each row, such as its entity: rows of one entity are not independent.
    """
    import numpy as np

    codes = np.unique(clusters, return_inverse=True)[1]
    size = int(codes.max()) + 1 if len(codes) else 0
    if size < 2:
        return None
    batches = [
        task.weighted_scores(labels, predictions, weights[:, codes])
        for weights in draw_weights(size, repetitions, seed)
    ]
    scores = np.concatenate(batches)
    scores = scores[np.isfinite(scores)]
    return float(scores.std(ddof=1)) if scores.size > 1 else None


def draw_weights(n_rows: int, repetitions: int, seed: int) -> Iterator[npt.NDArray[np.int64]]:
    """How often each row is drawn in each sample, [repetitions, n_rows] in batches."""
    import numpy as np

    generator = np.random.default_rng(seed)
    for start in range(0, repetitions, _BATCH):
        size = min(_BATCH, repetitions - start)
        yield generator.multinomial(n_rows, np.full(n_rows, 1 / n_rows), size=size)


def _take_percentiles(batches: Iterator[npt.NDArray[np.float64]]) -> Interval:
    import numpy as np

    low, high = np.nanpercentile(np.concatenate(list(batches)), _INTERVAL)
    return Interval(float(low), float(high))
