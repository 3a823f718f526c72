"""How far predictions lie from outcomes in ranges of the predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from include.tasks.task import Floats, Labels

    Numbers = npt.NDArray[np.float64]

BINS: Final = 10


def weigh_surplus(surplus: Numbers, scale: Numbers, bins: Labels, weights: Labels) -> Numbers:
    """The absolute surplus of each bin, summed over the bins and divided by the scale of all rows, [repetitions].

    With probabilities less labels, and a scale of one, this is the expected calibration error (Naeini, Cooper &
    Hauskrecht, 2015).

    Args:
        surplus: prediction less outcome, [n].
        scale: of each row, [n].
        bins: position of each row's bin, [n], below ``BINS``.
        weights: of the rows, [repetitions, n].
    """
    import numpy as np

    columns = np.zeros((len(surplus), BINS + 1))
    columns[np.arange(len(surplus)), bins] = surplus
    columns[:, BINS] = scale
    sums = weights.astype(np.float64) @ columns
    errors: Numbers = np.divide(
        np.abs(sums[:, :BINS]).sum(axis=1), sums[:, BINS], out=np.full(len(sums), np.nan), where=sums[:, BINS] > 0
    )
    return errors


def weigh_calibration(is_true: Labels, probabilities: Floats, weights: Labels) -> Numbers:
    """The expected calibration error of each weighting, over bins of equal width, [repetitions].

    Args:
        is_true: whether what the probability is of came true, [n].
        probabilities: [n], within [0, 1].
    """
    import numpy as np

    known, bins = split_probabilities(probabilities)
    return weigh_surplus(known - is_true, np.ones(len(known)), bins, weights)


def describe_bins(predictions: Numbers, outcomes: Numbers, bins: Labels) -> list[dict[str, float]]:
    """Of each bin that has rows: the mean of ``predicted`` and ``observed``, and how many ``rows``; JSON types.

    Args:
        predictions: [n].
        outcomes: in the unit of the predictions, [n].
        bins: position of each row's bin, [n], below ``BINS``.
    """
    import numpy as np

    counts = np.bincount(bins, minlength=BINS)
    sums = [np.bincount(bins, weights=values, minlength=BINS) for values in (predictions, outcomes)]
    return [
        {"predicted": float(sums[0][at] / rows), "observed": float(sums[1][at] / rows), "rows": int(rows)}
        for at, rows in enumerate(counts)
        if rows
    ]


def split_probabilities(probabilities: Floats) -> tuple[Numbers, Labels]:
    """The probabilities within [0, 1], and the bin of equal width that each is in, [n] both."""
    import numpy as np

    known = np.clip(probabilities.astype(np.float64), 0.0, 1.0)
    return known, np.minimum((known * BINS).astype(np.int64), BINS - 1)


def split_evenly(values: Floats) -> Labels:
    """The bin of each value, [n]: bins hold equal numbers of rows, and equal values are in one."""
    import numpy as np

    edges = np.quantile(values, np.arange(1, BINS) / BINS)
    bins: Labels = np.searchsorted(edges, values, side="left")
    return bins
