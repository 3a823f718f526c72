"""The figures of a run: ROC curve, calibration, feature importance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from matplotlib.figure import Figure

    Floats = npt.NDArray[np.floating[Any]]
    Labels = npt.NDArray[np.int64]


def draw_roc(labels: Labels, probabilities: Floats, title: str) -> Figure:
    """Share of churners found against share of others disturbed, over all thresholds."""
    from sklearn.metrics import roc_curve

    false_positive, true_positive, _ = roc_curve(labels, probabilities)
    figure, axes = _new_figure(title)
    axes.plot(false_positive, true_positive)
    axes.plot([0, 1], [0, 1], linestyle=":", color="grey")
    axes.set(xlabel="false positive rate", ylabel="true positive rate")
    return figure


def draw_calibration(labels: Labels, probabilities: Floats, title: str) -> Figure:
    """Observed share of churn against predicted probability, in ten groups of equal size."""
    from sklearn.calibration import calibration_curve

    observed, predicted = calibration_curve(labels, probabilities, n_bins=10, strategy="quantile")
    figure, axes = _new_figure(title)
    axes.plot(predicted, observed, marker="o")
    axes.plot([0, 1], [0, 1], linestyle=":", color="grey")
    axes.set(xlabel="predicted probability", ylabel="observed share of churn")
    return figure


def draw_importance(importance: Mapping[str, float], title: str, top: int = 15) -> Figure:
    """The features whose shuffling costs most AUC, best at the top."""
    shown = list(importance.items())[:top][::-1]
    figure, axes = _new_figure(title)
    axes.barh([name for name, _ in shown], [loss for _, loss in shown])
    axes.set(xlabel="loss of AUC when shuffled")
    return figure


def _new_figure(title: str) -> tuple[Figure, Any]:
    """A figure of its own, without pyplot, which keeps global state."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title)
    return figure, axes
