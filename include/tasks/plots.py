"""The pictures of a run: its curves, feature importance, what a selection and a search did."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from include.tasks.curves import Curve


class FeatureVerdict(Protocol):
    """What is drawn of a feature that a selection looked at."""

    @property
    def feature(self) -> str: ...

    @property
    def is_kept(self) -> bool: ...

    @property
    def score(self) -> float | None: ...


def draw_plots(curves: Mapping[str, Any], title: str) -> dict[str, Figure]:
    """A figure of each curve, by file name.

    Args:
        curves: what ``Task.list_curves`` returns.
        title: what every figure's title begins with.
    """
    drawn = {name: draw(curves[name]) for name, draw in _DRAWN.items() if name in curves}
    for name, figure in drawn.items():
        figure.axes[0].set_title(f"{title}: {_TITLES.get(name, name)}")
    return {f"{name}.png": figure for name, figure in drawn.items()}


def _draw_roc(curve: Curve) -> Figure:
    """True positive rate against false positive rate, over all thresholds."""
    return _draw_line(curve, "false positive rate", "true positive rate", with_diagonal=True)


def _draw_precision_recall(curve: Curve) -> Figure:
    """Precision against recall, over all thresholds."""
    return _draw_line(curve, "recall", "precision", with_diagonal=False)


def _draw_gain(curve: Curve) -> Figure:
    """The share of the positives among the rows with the highest probabilities."""
    return _draw_line(curve, "share of the rows, highest probabilities first", "share of the positives", True)


def _draw_line(curve: Curve, x_title: str, y_title: str, with_diagonal: bool) -> Figure:
    figure, axes = _new_figure()
    axes.plot(curve["x"], curve["y"])
    if with_diagonal:
        axes.plot([0, 1], [0, 1], linestyle=":", color="grey")
    axes.set(xlabel=x_title, ylabel=y_title, ylim=(-0.02, 1.02))
    return figure


def _draw_calibration(bins: Sequence[Mapping[str, float]]) -> Figure:
    """What happened against what was predicted, in ranges of the predictions."""
    predicted, observed = ([one[key] for one in bins] for key in ("predicted", "observed"))
    figure, axes = _new_figure()
    axes.plot(predicted, observed, marker="o")
    ends = [min(predicted, default=0.0), max(predicted, default=1.0)]
    axes.plot(ends, ends, linestyle=":", color="grey")
    axes.set(xlabel="predicted, mean of the range", ylabel="observed, mean of the range")
    return figure


def _draw_confusion(curve: Curve) -> Figure:
    """Rows by class and predicted class."""
    import numpy as np

    counts, classes = np.array(curve["counts"]), curve["classes"]
    figure, axes = _new_figure()
    axes.imshow(counts, cmap="Blues")
    for (row, column), count in np.ndenumerate(counts):
        axes.text(column, row, str(count), ha="center", va="center")
    axes.set(xlabel="predicted class", ylabel="class")
    axes.set_xticks(range(len(classes)), classes, rotation=45)
    axes.set_yticks(range(len(classes)), classes)
    return figure


def _draw_forecast(curve: Curve) -> Figure:
    """Label against prediction, one point for each row that was kept."""
    figure, axes = _new_figure()
    axes.scatter(curve["x"], curve["y"], s=8, alpha=0.6)
    values = [*curve["x"], *curve["y"]]
    axes.plot([min(values), max(values)], [min(values), max(values)], linestyle=":", color="grey")
    axes.set(xlabel="prediction", ylabel="label")
    return figure


def _draw_errors(curve: Curve) -> Figure:
    """How often which error occurs."""
    import numpy as np

    edges = np.linspace(curve["low"], curve["high"], len(curve["counts"]) + 1)
    figure, axes = _new_figure()
    axes.stairs(curve["counts"], edges, fill=True)
    axes.set(xlabel="prediction less label", ylabel="rows")
    return figure


_DRAWN: Final[Mapping[str, Callable[[Any], Figure]]] = {
    "roc": _draw_roc, "precision_recall": _draw_precision_recall, "gain": _draw_gain, "calibration": _draw_calibration,
    "confusion": _draw_confusion, "forecast": _draw_forecast, "errors": _draw_errors,
}  # fmt: skip
_TITLES: Final = {"roc": "ROC", "precision_recall": "precision and recall", "gain": "cumulative gain"}


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


def _new_figure(title: str = "") -> tuple[Figure, Any]:
    """A figure of its own, without pyplot, which keeps global state."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title)
    return figure, axes
