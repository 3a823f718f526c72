"""Has the population changed? PSI and KS per feature and for the scores, with one verdict.

A feature counts as drifted when the change is both large (PSI at or above its threshold) and real
(KS significant after correction for the number of features). Size alone alarms on small samples,
significance alone alarms on large ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from include.monitoring.profiles import Profile, coarsen_bins, count_values
from include.settings.monitoring import DriftSettings

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SMOOTHING: Final = 0.5
"""Added to the count of every PSI bin (Jeffreys' prior), so that an empty bin has a finite logarithm."""


@dataclass(frozen=True)
class ColumnDrift:
    """One column, reference against current; shares are fractions of rows."""

    column: str
    psi: float
    ks_statistic: float
    p_value: float
    p_value_adjusted: float
    missing_share_reference: float
    missing_share_current: float
    is_drifted: bool


@dataclass(frozen=True)
class DriftReport:
    """All features and the scores; ``scores`` is None until the model has scored something."""

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


def measure_psi(
    reference_counts: npt.NDArray[np.int64],
    current_counts: npt.NDArray[np.int64],
    smoothing: float = SMOOTHING,
) -> float:
    """Population stability index of two histograms over the same bins.

    ``sum((q - p) * ln(q / p))`` with ``p``, ``q`` the shares of reference and current (Siddiqi,
    Credit Risk Scorecards, 2006). By its rule of thumb below 0.1 is stable, from 0.25 a major shift.
    Between two samples of one population it is about ``(bins - 1) * (1/n + 1/m)``, never quite 0.
    """
    import numpy as np

    p = (reference_counts + smoothing) / (reference_counts.sum() + smoothing * reference_counts.size)
    q = (current_counts + smoothing) / (current_counts.sum() + smoothing * current_counts.size)
    return float(np.sum((q - p) * np.log(q / p)))


def measure_ks(reference_counts: npt.NDArray[np.int64], current_counts: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Two-sample Kolmogorov-Smirnov statistic from ordered bins, and its asymptotic p-value.

    The p-value is ``Q(D * sqrt(n*m / (n+m)))``, Q the tail of Kolmogorov's distribution (Smirnov,
    1948). With ties it is conservative. Missing values are the first bin: they count as lowest.
    """
    import numpy as np
    from scipy.special import kolmogorov

    n, m = int(reference_counts.sum()), int(current_counts.sum())
    distance = np.abs(np.cumsum(reference_counts) / n - np.cumsum(current_counts) / m)
    statistic = float(distance.max())
    return statistic, float(kolmogorov(statistic * np.sqrt(n * m / (n + m))))


def adjust_p_values(p_values: Sequence[float]) -> tuple[float, ...]:
    """P-values adjusted to control the false discovery rate over many tests.

    Step-up procedure of Benjamini & Hochberg (1995): the k-th smallest of n is multiplied by n/k,
    then made monotone. Valid for positively dependent tests, as features of one customer are.
    """
    import numpy as np

    raw = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(raw)[::-1]
    scaled = raw[order] * raw.size / np.arange(raw.size, 0, -1)
    adjusted = np.empty_like(raw)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled), 1.0)
    return tuple(float(value) for value in adjusted)


def compare_columns(
    references: Mapping[str, Profile],
    current: Mapping[str, npt.NDArray[np.float64]],
    settings: DriftSettings,
) -> tuple[ColumnDrift, ...]:
    """Compare every referenced column with its current values (float64 [n], n > 0, NaN where missing).

    The correction for many tests spans the columns of this call.
    """
    names = list(references)
    counts = {name: count_values(current[name], references[name].edges) for name in names}
    tests = {name: measure_ks(references[name].counts, counts[name]) for name in names}
    adjusted = adjust_p_values([tests[name][1] for name in names])
    return tuple(
        _judge_column(name, references[name], counts[name], tests[name], p_adjusted, settings)
        for name, p_adjusted in zip(names, adjusted, strict=True)
    )


def _judge_column(
    name: str,
    reference: Profile,
    current_counts: npt.NDArray[np.int64],
    test: tuple[float, float],
    p_adjusted: float,
    settings: DriftSettings,
) -> ColumnDrift:
    import numpy as np

    bins = coarsen_bins(reference.counts)
    before = np.bincount(bins, weights=reference.counts).astype(np.int64)
    after = np.bincount(bins, weights=current_counts).astype(np.int64)
    psi = measure_psi(before, after)
    return ColumnDrift(
        column=name,
        psi=psi,
        ks_statistic=test[0],
        p_value=test[1],
        p_value_adjusted=p_adjusted,
        missing_share_reference=float(reference.counts[0] / reference.counts.sum()),
        missing_share_current=float(current_counts[0] / current_counts.sum()),
        is_drifted=psi >= settings.psi_threshold and p_adjusted < settings.ks_p_value,
    )
