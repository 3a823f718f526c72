"""What a column looked like once: counts of its values in fixed bins, small enough to keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from include.errors import TrainingError
from include.features.matrix import MISSING_TEXT

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Integers = npt.NDArray[np.int64]

FINE_BINS: Final = 1024
"""Quantiles kept of each numeric reference: a KS statistic from them is exact within 1/1024."""

COARSE_BINS: Final = 10
"""Bins of the PSI of a numeric column: deciles of the reference, as in Siddiqi (2006)."""

HEAVY_SHARE: Final = 0.05
"""A value of this share of the reference has a PSI bin of its own, or a decile would hide its change."""

MAX_CATEGORIES: Final = 1000
"""Categories kept of each categorical reference, the most frequent ones."""

RARE_SHARE: Final = 0.01
"""Categories below this share of the reference are one PSI bin together."""


class Profile(Protocol):
    """A reference column, numeric or categorical.

    The first bin of ``counts`` (int64 [bins]) holds the missing values.
    """

    @property
    def counts(self) -> Integers:
        """Rows of the reference by bin."""
        ...

    @property
    def is_ordered(self) -> bool:
        """Whether neighbouring bins hold neighbouring values."""
        ...

    def count(self, values: Any) -> Integers:
        """Rows of other values of the column in the same bins."""
        ...

    def group_bins(self) -> Integers:
        """The coarse bin, for the PSI, of each bin (int64 [bins])."""
        ...


@dataclass(frozen=True)
class NumericProfile:
    """Counts between fixed edges; values are float64 [n], NaN where missing.

    Attributes:
        edges: float64 [e], ascending. Each quantile stands twice, as itself and as the greatest number
            below it, so that a value of which there are many has a bin of its own.
        counts: int64 [e + 2]: missing values, then ``x <= edges[0]`` (below the reference's range),
            then ``edges[i-1] < x <= edges[i]``, then above its range.
    """

    edges: npt.NDArray[np.float64]
    counts: Integers
    is_ordered: bool = True

    def count(self, values: Any) -> Integers:
        """See :class:`Profile`."""
        return count_numbers(values, self.edges)

    def group_bins(self) -> Integers:
        """Deciles of the reference; missing, both ends outside of its range, and heavy values by themselves.

        The ends have bins of their own so that a constant column can drift too.
        """
        import numpy as np

        inside = self.counts[2:-1]
        total = max(int(inside.sum()), 1)
        is_heavy = inside >= HEAVY_SHARE * total
        decile = np.ceil(np.cumsum(np.where(is_heavy, 0, inside)) / total * COARSE_BINS - 1e-9).clip(1)
        # Odd for a heavy value, even for the values between two of them.
        segment = 2 * np.cumsum(is_heavy) - is_heavy
        labels = segment * (COARSE_BINS + 1) + np.where(is_heavy, 0, decile)
        ends = np.concatenate([[-2, -1], labels, [np.inf]])[: self.counts.size]
        groups: Integers = np.unique(ends, return_inverse=True)[1]
        return groups


@dataclass(frozen=True)
class CategoryProfile:
    """Counts of categories; values are object [n] of str, '' where missing.

    Attributes:
        categories: of the reference, the most frequent first.
        counts: int64 [c + 2]: missing values, categories that are none of these, then each category.
    """

    categories: tuple[str, ...]
    counts: Integers
    is_ordered: bool = False

    def count(self, values: Any) -> Integers:
        """See :class:`Profile`."""
        return count_categories(values, self.categories)

    def group_bins(self) -> Integers:
        """Each category by itself; missing, unseen, and all rare ones together.

        Where the reference has more categories than are kept, unseen ones cannot be told from its rare ones.
        """
        import numpy as np

        present, rare = max(int(self.counts[1:].sum()), 1), len(self.categories)
        labels = np.where(self.counts[2:] < RARE_SHARE * present, rare, np.arange(rare))
        unseen = rare if self.counts[1] else -1
        groups: Integers = np.unique(np.concatenate([[-2, unseen], labels]), return_inverse=True)[1]
        return groups


def profile_column(values: Any) -> NumericProfile | CategoryProfile:
    """Profile the reference values of one column of a feature matrix.

    Args:
        values: numbers [n], NaN where missing, or object [n] of str, '' where missing.

    Raises:
        TrainingError: there are no values at all, not even missing ones.
    """
    if values.size == 0:
        raise TrainingError("A reference without rows has no distribution. Train the model first.")
    return profile_categories(values) if values.dtype == object else profile_numbers(values)


def profile_numbers(values: npt.NDArray[Any]) -> NumericProfile:
    """Profile numbers [n], NaN where missing."""
    import numpy as np

    numbers = values.astype(np.float64)
    present = numbers[~np.isnan(numbers)]
    edges = np.empty(0)
    if present.size:
        # numpy.quantile's inverted_cdf, which looks for a thousand quantiles one by one: forty times as long.
        ranks = np.ceil(present.size * np.linspace(0, 1, FINE_BINS + 1) - 1).clip(0).astype(np.intp)
        quantiles = np.sort(present)[ranks]
        edges = np.unique(np.concatenate([quantiles, np.nextafter(quantiles, -np.inf)]))
    return NumericProfile(edges, count_numbers(numbers, edges))


def profile_categories(values: npt.NDArray[np.object_]) -> CategoryProfile:
    """Profile text [n], '' where missing."""
    from collections import Counter

    frequencies = Counter(values.tolist())
    frequencies.pop(MISSING_TEXT, None)
    ranked = sorted(frequencies, key=lambda name: (-frequencies[name], name))
    categories = tuple(ranked[:MAX_CATEGORIES])
    return CategoryProfile(categories, count_categories(values, categories))


def count_numbers(values: npt.NDArray[Any], edges: npt.NDArray[np.float64]) -> Integers:
    """Count numbers between edges, in the order of ``NumericProfile.counts``."""
    import numpy as np

    numbers = values.astype(np.float64)
    bins = np.where(np.isnan(numbers), 0, np.searchsorted(edges, numbers, side="left") + 1)
    return np.bincount(bins, minlength=edges.size + 2).astype(np.int64)


def count_categories(values: npt.NDArray[np.object_], categories: tuple[str, ...]) -> Integers:
    """Count text by category, in the order of ``CategoryProfile.counts``."""
    import numpy as np

    bins = {name: index for index, name in enumerate(categories, start=2)} | {MISSING_TEXT: 0}
    found = np.fromiter((bins.get(value, 1) for value in values), np.int64, count=len(values))
    return np.bincount(found, minlength=len(categories) + 2).astype(np.int64)
