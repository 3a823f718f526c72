"""How good probabilities are: ranking, decisions at a threshold, calibration, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.floating[Any]]
    Labels = npt.NDArray[np.int64]

_INTERVAL: Final = (2.5, 97.5)
_BATCH: Final = 100


@dataclass(frozen=True)
class Metrics:
    """Figures on one split; all but ``log_loss`` lie between 0 and 1."""

    auc: float
    f1: float
    precision: float
    recall: float
    accuracy: float
    log_loss: float
    brier: float


@dataclass(frozen=True)
class Interval:
    """The 95 % bootstrap interval of a figure."""

    low: float
    high: float


def measure_model(labels: Labels, probabilities: Floats, threshold: float) -> Metrics:
    """The figures of a model on rows of both classes.

    Args:
        labels: [n], 1 for churned.
        probabilities: of churn, [n].
        threshold: churn is predicted from this probability on.
    """
    from sklearn import metrics

    predicted = probabilities >= threshold
    return Metrics(
        auc=float(metrics.roc_auc_score(labels, probabilities)),
        f1=float(metrics.f1_score(labels, predicted, zero_division=0)),
        precision=float(metrics.precision_score(labels, predicted, zero_division=0)),
        recall=float(metrics.recall_score(labels, predicted, zero_division=0)),
        accuracy=float(metrics.accuracy_score(labels, predicted)),
        log_loss=float(metrics.log_loss(labels, probabilities)),
        brier=float(metrics.brier_score_loss(labels, probabilities)),
    )


def choose_threshold(labels: Labels, probabilities: Floats) -> float:
    """The probability from which predicting churn gives the best F1; of equals, the highest.

    The threshold lies halfway to the next lower probability, so that rounding in float32 cannot
    move a row of these across it.
    """
    import numpy as np

    order = np.argsort(-probabilities, kind="stable")
    ranked = probabilities[order].astype(np.float64)
    hits = np.cumsum(labels[order])
    predicted = np.arange(1, len(ranked) + 1)
    f1 = 2 * hits / (predicted + labels.sum())
    # Rows of one probability are predicted together: only the last of them is a place to cut.
    is_cut = np.append(ranked[1:] < ranked[:-1], True)
    best = int(np.argmax(np.where(is_cut, f1, -1.0)))
    below = ranked[best + 1] if best + 1 < len(ranked) else 0.0
    return float((ranked[best] + below) / 2)


def estimate_auc_interval(labels: Labels, probabilities: Floats, repetitions: int, seed: int) -> Interval:
    """The interval of the AUC over bootstrap samples of the rows (Efron, 1979; percentile method)."""
    import numpy as np

    batches = [
        _weighted_aucs(labels, probabilities, weights) for weights in _draw_weights(len(labels), repetitions, seed)
    ]
    low, high = np.nanpercentile(np.concatenate(batches), _INTERVAL)
    return Interval(float(low), float(high))


def estimate_gain_interval(
    labels: Labels, probabilities: Floats, others: Floats, repetitions: int, seed: int
) -> Interval:
    """The interval of the AUC of one model less that of another, both on the same bootstrap samples."""
    import numpy as np

    batches = [
        _weighted_aucs(labels, probabilities, weights) - _weighted_aucs(labels, others, weights)
        for weights in _draw_weights(len(labels), repetitions, seed)
    ]
    low, high = np.nanpercentile(np.concatenate(batches), _INTERVAL)
    return Interval(float(low), float(high))


def _draw_weights(n_rows: int, repetitions: int, seed: int) -> Iterator[npt.NDArray[np.int64]]:
    """How often each row is drawn in each bootstrap sample, [repetitions, n_rows] in batches."""
    import numpy as np

    generator = np.random.default_rng(seed)
    for start in range(0, repetitions, _BATCH):
        size = min(_BATCH, repetitions - start)
        yield generator.multinomial(n_rows, np.full(n_rows, 1 / n_rows), size=size)


def _weighted_aucs(labels: Labels, probabilities: Floats, weights: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """The AUC of each sample (row of ``weights``); NaN where a sample has one class only.

    Counts pairs by groups of equal probability: a churner wins against all who stayed in lower
    groups and half of those in its own.
    """
    import numpy as np

    order = np.argsort(probabilities, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(probabilities[order]) > 0))
    positive = np.add.reduceat(weights[:, order] * labels[order], starts, axis=1).astype(np.float64)
    negative = np.add.reduceat(weights[:, order] * (1 - labels[order]), starts, axis=1).astype(np.float64)
    wins = (positive * (np.cumsum(negative, axis=1) - negative / 2)).sum(axis=1)
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    return np.divide(wins, pairs, out=np.full(len(weights), np.nan), where=pairs > 0)
