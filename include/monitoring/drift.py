"""Have the rows changed? PSI and a test of significance for each feature and for the scores.

A column counts as drifted when the change is both large and more than chance, after correction for the
number of columns. Size alone alarms on small samples, significance alone alarms on large ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Final

from include.monitoring.profiles import Profile
from include.settings.monitoring import DriftSettings

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Integers = npt.NDArray[np.int64]

SMOOTHING: Final = 0.5
"""Added to the count of every PSI bin (Jeffreys' prior), so that an empty bin has a finite logarithm."""


@dataclass(frozen=True)
class ColumnDrift:
    """One column, reference against current; shares are fractions of rows; categories have no KS statistic."""

    column: str
    psi: float
    ks_statistic: float | None
    p_value: float
    p_value_adjusted: float
    missing_share_reference: float
    missing_share_current: float
    is_drifted: bool


@dataclass(frozen=True)
class DriftReport:
    """All features and the scores; ``scores`` is None while there is nothing to compare them with."""

    reference_rows: int
    current_rows: int
    features: tuple[ColumnDrift, ...]
    scores: ColumnDrift | None

    @property
    def drifted_features(self) -> tuple[str, ...]:
        """Names of the drifted features, the largest PSI first."""
        drifted = [feature for feature in self.features if feature.is_drifted]
        return tuple(f.column for f in sorted(drifted, key=lambda feature: -feature.psi))

    @property
    def drifted_share(self) -> float:
        """Drifted features as a fraction of all."""
        return len(self.drifted_features) / len(self.features) if self.features else 0.0


@dataclass(frozen=True)
class ColumnChange:
    """How far a column moved, and how likely chance alone moves it as far.

    Attributes:
        distance: for numbers the KS statistic; for categories the largest change of one category's share.
    """

    psi: float
    distance: float
    p_value: float


def compare_columns(
    references: Mapping[str, Profile], current: Mapping[str, Any], settings: DriftSettings
) -> tuple[ColumnDrift, ...]:
    """Compare every referenced column with its current values (see :class:`Profile` for their form; n > 0).

    The correction for many tests spans the columns of this call (Benjamini & Hochberg, 1995).
    """
    from scipy.stats import false_discovery_control

    counts = {name: profile.count(current[name]) for name, profile in references.items()}
    changes = {name: measure_change(profile, counts[name]) for name, profile in references.items()}
    adjusted = false_discovery_control([change.p_value for change in changes.values()]) if changes else []
    return tuple(
        _judge_column(name, references[name], counts[name], changes[name], float(p_adjusted), settings)
        for name, p_adjusted in zip(references, adjusted, strict=True)
    )


def measure_change(reference: Profile, current_counts: Integers) -> ColumnChange:
    """Compare counts of one column in the bins of its reference."""
    import numpy as np

    groups = reference.group_bins()
    before = np.bincount(groups, weights=reference.counts).astype(np.int64)
    after = np.bincount(groups, weights=current_counts).astype(np.int64)
    is_used = before + after > 0
    before, after = before[is_used], after[is_used]
    psi = measure_psi(before, after)
    if reference.is_ordered:
        return ColumnChange(psi, *measure_ks(reference.counts, current_counts))
    distance = float(np.abs(before / before.sum() - after / after.sum()).max())
    return ColumnChange(psi, distance, measure_chi_square(before, after))


def measure_psi(reference_counts: Integers, current_counts: Integers, smoothing: float = SMOOTHING) -> float:
    """Population stability index of two histograms over the same bins.

    ``sum((q - p) * ln(q / p))`` with ``p``, ``q`` the shares of reference and current (Siddiqi,
    Credit Risk Scorecards, 2006). By its rule of thumb below 0.1 is stable, from 0.25 a major shift.
    Between two samples of one population it is about ``(bins - 1) * (1/n + 1/m)``, never quite 0.
    """
    import numpy as np

    p = (reference_counts + smoothing) / (reference_counts.sum() + smoothing * reference_counts.size)
    q = (current_counts + smoothing) / (current_counts.sum() + smoothing * current_counts.size)
    return float(np.sum((q - p) * np.log(q / p)))


def measure_ks(reference_counts: Integers, current_counts: Integers) -> tuple[float, float]:
    """Two-sample Kolmogorov-Smirnov statistic from ordered bins, and its asymptotic p-value.

    The p-value is ``Q(D * sqrt(n*m / (n+m)))``, Q the tail of Kolmogorov's distribution (Smirnov,
    1948). With ties it is conservative. Missing values are the first bin: they count as lowest.
    """
    import numpy as np
    from scipy.stats import kstwobign

    n, m = int(reference_counts.sum()), int(current_counts.sum())
    distance = np.abs(np.cumsum(reference_counts) / n - np.cumsum(current_counts) / m)
    statistic = float(distance.max())
    return statistic, float(kstwobign.sf(statistic * np.sqrt(n * m / (n + m))))


def measure_chi_square(reference_counts: Integers, current_counts: Integers) -> float:
    """The p-value of Pearson's chi-square test that both histograms are of one distribution; no bin empty in both."""
    from scipy.stats import chi2_contingency

    if reference_counts.size < 2:
        return 1.0
    return float(chi2_contingency([reference_counts, current_counts]).pvalue)


def find_large_distance(psi: float) -> float:
    """The distance that is as large as a PSI, for a normal distribution that is shifted.

    A shift by d deviations has a PSI of d² and a KS statistic of ``2Φ(d/2) - 1``. The PSI weighs what happens to
    rare values, the distance what happens to frequent ones: 80 % zeros that become 60 % have a distance of 0.2,
    as a shift by half a deviation has, and a smaller PSI.
    """
    return 2 * NormalDist().cdf(sqrt(psi) / 2) - 1


def _judge_column(
    name: str,
    reference: Profile,
    current_counts: Integers,
    change: ColumnChange,
    p_adjusted: float,
    settings: DriftSettings,
) -> ColumnDrift:
    is_large = change.psi >= settings.psi_threshold or change.distance >= find_large_distance(settings.psi_threshold)
    return ColumnDrift(
        column=name,
        psi=change.psi,
        ks_statistic=change.distance if reference.is_ordered else None,
        p_value=change.p_value,
        p_value_adjusted=p_adjusted,
        missing_share_reference=float(reference.counts[0] / reference.counts.sum()),
        missing_share_current=float(current_counts[0] / current_counts.sum()),
        is_drifted=is_large and p_adjusted < settings.ks_p_value,
    )
