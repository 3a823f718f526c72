"""The pictures of a run: ROC curve, calibration, confusion, forecast, errors, feature importance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from matplotlib.figure import Figure

    Floats = npt.NDArray[np.floating[Any]]
    Labels = npt.NDArray[np.int64]


class FeatureVerdict(Protocol):
    """What is drawn of a feature that a selection looked at."""

    @property
    def feature(self) -> str: ...

    @property
    def is_kept(self) -> bool: ...

    @property
    def score(self) -> float | None: ...


def draw_roc(labels: Labels, probabilities: Floats, title: str) -> Figure:
    """True positive rate against false positive rate, over all thresholds."""
    from sklearn.metrics import roc_curve

    false_positive, true_positive, _ = roc_curve(labels, probabilities)
    figure, axes = _new_figure(title)
    axes.plot(false_positive, true_positive)
    axes.plot([0, 1], [0, 1], linestyle=":", color="grey")
    axes.set(xlabel="false positive rate", ylabel="true positive rate")
    return figure


def draw_calibration(labels: Labels, probabilities: Floats, title: str) -> Figure:
    """Observed share of positives against predicted probability, in ten groups of equal size."""
    from sklearn.calibration import calibration_curve

    observed, predicted = calibration_curve(labels, probabilities.clip(0.0, 1.0), n_bins=10, strategy="quantile")
    figure, axes = _new_figure(title)
    axes.plot(predicted, observed, marker="o")
    axes.plot([0, 1], [0, 1], linestyle=":", color="grey")
    axes.set(xlabel="predicted probability", ylabel="observed share of positives")
    return figure


def draw_confusion(labels: Labels, predicted: Labels, title: str) -> Figure:
    """Rows by class and predicted class."""
    import numpy as np

    size = int(max(labels.max(), predicted.max())) + 1
    counts = np.zeros((size, size), dtype=np.int64)
    np.add.at(counts, (labels, predicted), 1)
    figure, axes = _new_figure(title)
    axes.imshow(counts, cmap="Blues")
    for (row, column), count in np.ndenumerate(counts):
        axes.text(column, row, str(count), ha="center", va="center")
    axes.set(xlabel="predicted class", ylabel="class")
    return figure


def draw_forecast(labels: Labels, predictions: Floats, title: str) -> Figure:
    """Label against prediction, one point for each row."""
    figure, axes = _new_figure(title)
    axes.scatter(predictions, labels, s=4, alpha=0.3)
    low, high = float(min(labels.min(), predictions.min())), float(max(labels.max(), predictions.max()))
    axes.plot([low, high], [low, high], linestyle=":", color="grey")
    axes.set(xlabel="prediction", ylabel="label")
    return figure


def draw_errors(labels: Labels, predictions: Floats, title: str) -> Figure:
    """How often which error occurs; the outer percent on each side is left out."""
    import numpy as np

    errors = predictions.astype(np.float64) - labels
    figure, axes = _new_figure(title)
    low, high = np.percentile(errors, (1, 99))
    axes.hist(errors, bins=50, range=(low - 1e-9, high + 1e-9))
    axes.set(xlabel="prediction less label", ylabel="rows")
    return figure


def draw_importance(importance: Mapping[str, float], title: str, top: int = 15) -> Figure:
    """The features whose shuffling costs most score, best at the top."""
    shown = list(importance.items())[:top][::-1]
    figure, axes = _new_figure(title)
    axes.barh([name for name, _ in shown], [loss for _, loss in shown])
    axes.set(xlabel="loss of score when shuffled")
    return figure


def draw_selection(verdicts: Sequence[FeatureVerdict], title: str, top: int = 30) -> Figure:
    """The score that a selection gave each feature that it looked at, best at the top; dropped ones in grey."""
    shown = [item for item in verdicts if item.score is not None][:top][::-1]
    figure, axes = _new_figure(title)
    colours = ["tab:blue" if item.is_kept else "lightgrey" for item in shown]
    axes.barh([item.feature for item in shown], [item.score for item in shown], color=colours)
    axes.tick_params(axis="y", labelsize=7)
    axes.set(xlabel="score of the selection (grey: dropped)")
    return figure


def draw_search(scores: Sequence[float | None], title: str) -> Figure:
    """The score of each trial of a search in turn, and the best one until then; None for one that was given up."""
    figure, axes = _new_figure(title)
    shown = [(number, score) for number, score in enumerate(scores) if score is not None]
    best = [max(score for _, score in shown[: place + 1]) for place in range(len(shown))]
    axes.scatter([number for number, _ in shown], [score for _, score in shown], s=14)
    axes.step([number for number, _ in shown], best, where="post")
    axes.set(xlabel="trial (gaps: given up)", ylabel="mean score over the folds")
    return figure


def _new_figure(title: str) -> tuple[Figure, Any]:
    """A figure of its own, without pyplot, which keeps global state."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title)
    return figure, axes
