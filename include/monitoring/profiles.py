"""What a column looked like once: the quantile bins of its values, small enough to keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from include.errors import TrainingError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

FINE_BINS: Final = 1024
"""Quantiles kept of each reference column: a KS statistic from them is exact within 1/1024."""

COARSE_BINS: Final = 10
"""Bins of the PSI: deciles of the reference, as in Siddiqi (2006)."""


@dataclass(frozen=True)
class Profile:
    """A reference column as counts between fixed edges.

    Attributes:
        edges: float64 [e], ascending. Each quantile stands twice, as itself and as the greatest number
            below it, so that a value of which there are many has a bin of its own.
        counts: int64 [e + 2]: missing values, then ``x <= edges[0]`` (below the reference's range),
            then ``edges[i-1] < x <= edges[i]``, then above its range.
    """

    edges: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]


def profile_column(values: npt.NDArray[np.float64]) -> Profile:
    """Profile the reference values of one column (float64 [n], NaN where missing).

    Raises:
        TrainingError: there are no values at all, not even missing ones.
    """
    import numpy as np

    if values.size == 0:
        raise TrainingError("A reference without rows has no distribution. Train a model first.")
    present = values[~np.isnan(values)]
    if present.size == 0:
        edges = np.empty(0)
    else:
        quantiles = np.quantile(present, np.linspace(0, 1, FINE_BINS + 1), method="inverted_cdf")
        edges = np.unique(np.concatenate([quantiles, np.nextafter(quantiles, -np.inf)]))
    return Profile(edges, count_values(values, edges))


def count_values(values: npt.NDArray[np.float64], edges: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Count values (float64 [n], NaN where missing) between edges, in the order of ``Profile.counts``."""
    import numpy as np

    is_missing = np.isnan(values)
    bins = np.where(is_missing, 0, np.searchsorted(edges, values, side="left") + 1)
    return np.bincount(bins, minlength=edges.size + 2).astype(np.int64)


def coarsen_bins(reference_counts: npt.NDArray[np.int64], bins: int = COARSE_BINS) -> npt.NDArray[np.int64]:
    """The coarse bin of each fine bin (int64 [e + 2]): quantile bins of the reference.

    Missing values and both ends outside of the reference's range keep bins of their own, so that a
    constant column can drift too.
    """
    import numpy as np

    inside = reference_counts[2:-1]
    share = np.cumsum(inside) / max(int(inside.sum()), 1)
    coarse = np.clip(np.ceil(share * bins - 1e-9), 1, bins).astype(np.int64) + 1
    labels = np.concatenate([[0, 1], coarse, [bins + 2]])
    coarse_index: npt.NDArray[np.int64] = np.unique(labels[: reference_counts.size], return_inverse=True)[1]
    return coarse_index
