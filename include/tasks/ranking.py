"""The area under the ROC curve, of columns and of weighted samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from include.tasks.task import Floats


def fill_with_median(columns: Floats) -> npt.NDArray[np.float64]:
    """Columns [n, k] as float64, missing values replaced by the column's median (0 for an empty column)."""
    import numpy as np

    filled = columns.astype(np.float64)
    for column in filled.T:
        missing = np.isnan(column)
        if missing.any():
            column[missing] = 0.0 if missing.all() else np.median(column[~missing])
    return filled


def measure_column_aucs(columns: Floats, is_positive: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """The AUC of each column alone, in its better direction (0.5 to 1), [k].

    Equals the Mann–Whitney U statistic divided by the number of pairs (Hanley and McNeil, 1982).

    Args:
        columns: [n, k], a missing value counts as the column's median.
        is_positive: [n]; both classes occur.
    """
    import numpy as np
    from scipy.stats import rankdata

    n_positive, n_negative = int(is_positive.sum()), int((~is_positive).sum())
    # One column at a time: all of them as float64, with their ranks, would be the most that a training holds.
    filled = (fill_with_median(column[:, None])[:, 0] for column in columns.T)
    sums = np.array([rankdata(column)[is_positive].sum() for column in filled], dtype=np.float64)
    auc = (sums - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative)
    better: npt.NDArray[np.float64] = np.maximum(auc, 1 - auc)
    return better


def measure_weighted_aucs(
    is_positive: npt.NDArray[np.bool_], scores: Floats, weights: npt.NDArray[Any]
) -> npt.NDArray[np.float64]:
    """The AUC of each weighting of the rows (row of ``weights``); NaN where a class has no weight.

    Counts pairs by groups of equal score: a positive row wins against all negative rows in lower groups
    and half of those in its own.
    """
    import numpy as np

    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(scores[order]) > 0))
    positives = is_positive[order].astype(np.float64)
    aucs = np.full(len(weights), np.nan)
    for row, weighting in enumerate(weights):  # one at a time stays in the processor's cache
        ordered = weighting[order].astype(np.float64)
        positive = ordered * positives
        negative = ordered - positive
        if len(starts) < len(order):
            positive, negative = (np.add.reduceat(part, starts) for part in (positive, negative))
        below = np.cumsum(negative)
        pairs = positive.sum() * below[-1]
        if pairs > 0:
            aucs[row] = positive @ (below - negative / 2) / pairs
    return aucs
