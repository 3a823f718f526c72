"""How well one feature alone ranks customers: the yardstick of every model, and the trace of leakage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True)
class SingleFeature:
    """A feature and the AUC of ranking by it alone, in whichever direction is better (0.5 to 1)."""

    name: str
    auc: float


def measure_feature_aucs(features: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """The AUC of each column alone, in its better direction.

    A missing value counts as the column's median. Equals the Mann–Whitney U statistic divided by
    the number of pairs (Hanley and McNeil, 1982).

    Args:
        features: [n, n_features].
        labels: [n], 1 for churned; both classes occur.

    Returns:
        [n_features], each from 0.5 to 1.
    """
    import numpy as np
    from scipy.stats import rankdata

    filled = _fill_with_median(features)
    positives = labels == 1
    n_positive, n_negative = int(positives.sum()), int((~positives).sum())
    ranks = rankdata(filled, axis=0)
    statistic = ranks[positives].sum(axis=0) - n_positive * (n_positive + 1) / 2
    auc = statistic / (n_positive * n_negative)
    better: npt.NDArray[np.float64] = np.maximum(auc, 1 - auc)
    return better


def _fill_with_median(features: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    import numpy as np

    columns = features.astype(np.float64)
    for column in columns.T:
        missing = np.isnan(column)
        if missing.any():
            column[missing] = 0.0 if missing.all() else np.median(column[~missing])
    return columns


def rank_single_features(
    names: Sequence[str], features: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]
) -> list[SingleFeature]:
    """Every feature with its own AUC, best first; of equals, the first by name."""
    aucs = measure_feature_aucs(features, labels)
    ranked = [SingleFeature(name, float(auc)) for name, auc in zip(names, aucs, strict=True)]
    return sorted(ranked, key=lambda item: (-item.auc, item.name))
