"""How sure a score is: intervals and standard errors over resampled rows (Efron, 1979; percentile method).

Beyond ``MOST_ROWS`` rows, those of a random part are resampled, and what comes out is scaled to all by the square
root of the part's share (subsampling: Politis, Romano and Wolf, 1999), so that time and memory stay bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from include.tasks.task import Task

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from include.tasks.task import Floats, Labels

    Measure = Callable[[npt.NDArray[np.int64], Labels], npt.NDArray[np.float64]]

_INTERVAL: Final = (2.5, 97.5)
_BATCH: Final = 100
_BATCH_CELLS: Final = 10_000_000
MOST_ROWS: Final = 100_000


@dataclass(frozen=True)
class Interval:
    """The 95 % bootstrap interval of a figure."""

    low: float
    high: float


def estimate_interval(task: Task, labels: Labels, predictions: Floats, repetitions: int, seed: int) -> Interval:
    """The interval of the score over samples of the rows."""

    def measure(rows: Labels, weights: Labels) -> npt.NDArray[np.float64]:
        return task.weighted_scores(labels[rows], predictions[rows], weights)

    return _estimate(measure, len(labels), repetitions, seed)


def estimate_gain_interval(
    task: Task, labels: Labels, predictions: Floats, others: Floats, repetitions: int, seed: int
) -> Interval:
    """The interval of the score of one model less that of another, both on the same samples of the rows."""

    def measure(rows: Labels, weights: Labels) -> npt.NDArray[np.float64]:
        mine = task.weighted_scores(labels[rows], predictions[rows], weights)
        return mine - task.weighted_scores(labels[rows], others[rows], weights)

    return _estimate(measure, len(labels), repetitions, seed)


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
    kept = _draw_part(size, max(2, size * MOST_ROWS // max(len(codes), MOST_ROWS)), seed)
    position = np.full(size, -1)
    position[kept] = np.arange(len(kept))
    rows = np.flatnonzero(position[codes] >= 0)
    drawn = position[codes[rows]]
    batches = [
        task.weighted_scores(labels[rows], predictions[rows], weights[:, drawn])
        for weights in draw_weights(len(kept), repetitions, seed, len(rows))
    ]
    scores = np.concatenate(batches)
    scores = scores[np.isfinite(scores)]
    return float(scores.std(ddof=1) * np.sqrt(len(kept) / size)) if scores.size > 1 else None


def draw_weights(n_rows: int, repetitions: int, seed: int, cells: int | None = None) -> Iterator[npt.NDArray[np.int64]]:
    """How often each row is drawn in each sample, [repetitions, n_rows] in batches.

    Args:
        cells: that one sample takes in what is measured with it, where these are not ``n_rows``; they bound a batch.
    """
    import numpy as np

    generator = np.random.default_rng(seed)
    batch = max(1, min(_BATCH, _BATCH_CELLS // max(cells or n_rows, 1)))
    for start in range(0, repetitions, batch):
        size = min(batch, repetitions - start)
        yield np.stack([np.bincount(generator.integers(0, n_rows, n_rows), minlength=n_rows) for _ in range(size)])


def _estimate(measure: Measure, n_rows: int, repetitions: int, seed: int) -> Interval:
    import numpy as np

    rows = _draw_part(n_rows, MOST_ROWS, seed)
    figures = np.concatenate([measure(rows, weights) for weights in draw_weights(len(rows), repetitions, seed)])
    low, high = np.nanpercentile(figures, _INTERVAL)
    if len(rows) == n_rows:
        return Interval(float(low), float(high))
    part, whole = (float(measure(some, np.ones((1, len(some)), np.int64))[0]) for some in (rows, np.arange(n_rows)))
    share = np.sqrt(len(rows) / n_rows)
    return Interval(float(whole + (low - part) * share), float(whole + (high - part) * share))


def _draw_part(size: int, most: int, seed: int) -> npt.NDArray[np.int64]:
    """The positions of ``most`` of so many, in order; all of them where there are no more."""
    import numpy as np

    if size <= most:
        return np.arange(size)
    return np.sort(np.random.default_rng([seed, size]).choice(size, most, replace=False))
