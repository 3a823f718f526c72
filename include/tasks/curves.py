"""The curves of a model's answers to the test rows, as data of at most ``MOST_POINTS`` points in JSON types.

They are computed once, by ``Task.list_curves``: the pictures in MLflow and those of the candidate's page are drawn from
them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.floating[Any]]
    Labels = npt.NDArray[Any]
    Places = npt.NDArray[np.int64]

Curve = Mapping[str, Any]
MOST_POINTS: Final = 100
MOST_CLASSES: Final = 20
"""A confusion of more classes than that is no picture."""
ERROR_BINS: Final = 40
_DIGITS: Final = 5


def choose_places(places: Places, *, with_dense_start: bool = False) -> Places:
    """At most ``MOST_POINTS`` of some positions, the first and the last among them.

    Args:
        with_dense_start: half of them lie the denser the nearer they are to the first; else all are evenly spread.
    """
    import numpy as np

    last = len(places) - 1
    if last < MOST_POINTS:
        return places
    half = MOST_POINTS // 2
    even = np.linspace(0, last, half if with_dense_start else MOST_POINTS)
    early = np.geomspace(1, last, half) if with_dense_start else even
    chosen: Places = places[np.unique(np.concatenate([even, early]).round().astype(np.int64))]
    return chosen


def trace_ranking(labels: Labels, probabilities: Floats) -> dict[str, Curve]:
    """What a ranking finds: ``roc``, ``precision_recall`` and ``gain``, each with ``x`` and ``y``.

    ``roc`` is the true positive rate over the false positive rate (Fawcett, 2006), ``precision_recall`` precision over
    recall, ``gain`` the share of the positives that is found over the share of the rows that is looked at. Rows of one
    probability are looked at together. Nothing is traced where a class is absent.

    Args:
        labels: 0 or 1, [n].
        probabilities: [n].
    """
    import numpy as np

    positives = int(labels.sum())
    if not 0 < positives < len(labels):
        return {}
    order = np.argsort(-probabilities, kind="stable")
    ranked, hits = probabilities[order], np.append(0, np.cumsum(labels[order]))
    is_cut = np.concatenate([[True], ranked[1:] < ranked[:-1], [True]])
    places = choose_places(np.flatnonzero(is_cut), with_dense_start=True)
    found, looked_at = hits[places], places
    recall, wrong = found / positives, (looked_at - found) / (len(labels) - positives)
    precision = found[1:] / looked_at[1:]
    return {
        "roc": _pair(wrong, recall),
        "precision_recall": _pair(recall[1:], precision),
        "gain": _pair(looked_at / len(labels), recall),
    }


def count_confusion(labels: Labels, answers: Labels, classes: Sequence[str]) -> dict[str, Curve]:
    """``confusion``: ``classes``, and ``counts`` of rows by class and answered class; none with too many classes."""
    import numpy as np

    if len(classes) > MOST_CLASSES:
        return {}
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    is_known = labels >= 0
    np.add.at(counts, (labels[is_known], answers[is_known]), 1)
    return {"confusion": {"classes": list(classes), "counts": counts.tolist()}}


def trace_forecast(labels: Labels, predictions: Floats) -> dict[str, Curve]:
    """``forecast``: label (``y``) over prediction (``x``) of rows evenly spread by prediction; ``errors`` in bins.

    The outer percent of the errors on each side is left out of the histogram (``low``, ``high``, ``counts``).
    """
    import numpy as np

    forecasts = predictions.astype(np.float64)
    order = choose_places(np.argsort(forecasts, kind="stable"))
    errors = forecasts - labels
    low, high = (float(edge) for edge in np.percentile(errors, (1, 99)))
    room = max(abs(low), abs(high), 1.0) * 1e-9
    counts, _ = np.histogram(errors, bins=ERROR_BINS, range=(low - room, high + room))
    return {
        "forecast": _pair(forecasts[order], labels[order]),
        "errors": {"low": _shorten(low), "high": _shorten(high), "counts": counts.tolist()},
    }


def shorten_bins(bins: Sequence[Mapping[str, float]]) -> list[dict[str, float]]:
    """``calibration`` as it is kept: figures with five digits that count."""
    return [{key: value if key == "rows" else _shorten(value) for key, value in one.items()} for one in bins]


def _pair(x: Any, y: Any) -> Curve:
    return {"x": [_shorten(value) for value in x], "y": [_shorten(value) for value in y]}


def _shorten(value: float) -> float:
    return float(f"{float(value):.{_DIGITS}g}")
