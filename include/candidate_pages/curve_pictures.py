"""The curves of a candidate as pictures: pure, and without what a record of an earlier release lacks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import sqrt
from typing import Any, Final

from markupsafe import Markup

from include.candidate_pages.plane import Chart, Dot, Plane, draw_chart, find_range
from include.quality_pages.plots import draw_bars, format_number, format_share

Json = Mapping[str, Any]
_UNIT: Final = (0.0, 1.0)


def draw_curves(curves: Json) -> list[tuple[str, Markup, str]]:
    """Title, picture and a note of each curve that was recorded (see ``include.tasks.curves``)."""
    return [(title, draw(curves[name]), note) for name, (title, draw, note) in _DRAWN.items() if curves.get(name)]


def draw_calibration(bins: Sequence[Json]) -> Markup:
    """What happened over what was predicted; the more rows a range has, the larger is its dot."""
    most = max(one["rows"] for one in bins)
    dots = [
        Dot(one["predicted"], one["observed"], f"{one['rows']:,} rows: predicted {one['predicted']:.4g}, observed "
            f"{one['observed']:.4g}", 2.5 + 6 * sqrt(one["rows"] / most))
        for one in bins
    ]  # fmt: skip
    values = [value for one in bins for value in (one["predicted"], one["observed"])]
    ends = _UNIT if all(0 <= value <= 1 for value in values) else find_range(values)
    plane = Plane(ends, ends, "predicted", "observed")
    far = max(bins, key=lambda one: abs(one["predicted"] - one["observed"]))
    text = (
        f"Calibration in {len(bins)} ranges; the farthest from its prediction has {far['observed']:.4g} where "
        f"{far['predicted']:.4g} was predicted, on {far['rows']:,} rows"
    )
    path = [(one["predicted"], one["observed"]) for one in bins]
    return draw_chart(Chart(plane, text, [_draw_diagonal(ends), (path, "line")], dots))


def draw_profits(curve: Sequence[Sequence[float]], acted_share: float | None) -> Markup:
    """The profit of a row over the share of the rows that is acted on, with a dot where the decision cuts."""
    points = [(float(share), float(profit)) for share, profit in curve]
    plane = Plane(_UNIT, find_range([profit for _, profit in points]), "share of the rows acted on", "profit of a row",
                  format_share)  # fmt: skip
    best = max(points, key=lambda one: one[1])
    dots = [] if acted_share is None else [_mark(points, acted_share)]
    text = f"Profit by the share acted on: best at {best[0]:.0%} with {best[1]:.4g}"
    text += f", the decision acts on {acted_share:.0%}" if acted_share is not None else ""
    zero = [([(0.0, 0.0), (1.0, 0.0)], "dotted")] if plane.y_range[0] < 0 < plane.y_range[1] else []
    return draw_chart(Chart(plane, text, [*zero, (points, "line")], dots))


def _draw_diagonal(ends: tuple[float, float]) -> tuple[list[tuple[float, float]], str]:
    """Where both values are the same."""
    return [(ends[0], ends[0]), (ends[1], ends[1])], "dotted"


def _mark(points: Sequence[tuple[float, float]], share: float) -> Dot:
    """The point of the curve that is nearest to a share."""
    x, y = min(points, key=lambda one: abs(one[0] - share))
    return Dot(x, y, f"the decision acts on {share:.1%} of the rows, {y:.4g} a row", 5.0)


def _draw_unit(x_title: str, y_title: str, name: str, *, with_diagonal: bool) -> Callable[[Json], Markup]:
    """A curve between 0 and 1 on both axes."""

    def draw(curve: Json) -> Markup:
        points = list(zip(curve["x"], curve["y"], strict=True))
        plane = Plane(_UNIT, _UNIT, x_title, y_title, format_share, format_share)
        half = min(points, key=lambda one: abs(one[0] - 0.5))
        text = f"{name}: {y_title} is {half[1]:.0%} where {x_title} is {half[0]:.0%}"
        return draw_chart(Chart(plane, text, [*([_draw_diagonal(_UNIT)] if with_diagonal else []), (points, "line")]))

    return draw


def _draw_forecast(curve: Json) -> Markup:
    points = list(zip(curve["x"], curve["y"], strict=True))
    ends = find_range([value for point in points for value in point])
    dots = [Dot(x, y, f"predicted {x:.4g}, was {y:.4g}", 2.5) for x, y in points]
    plane = Plane(ends, ends, "prediction", "label")
    text = f"Label over prediction of {len(points)} rows, evenly spread by prediction"
    return draw_chart(Chart(plane, text, [_draw_diagonal(ends)], dots))


def _draw_errors(curve: Json) -> Markup:
    low, high = format_number(curve["low"]), format_number(curve["high"])
    return draw_bars(curve["counts"], low, high, "Errors, prediction less label", width=340, height=160)


_DRAWN: Final[Mapping[str, tuple[str, Callable[[Any], Markup], str]]] = {
    "roc": (
        "ROC", _draw_unit("false positive rate", "true positive rate", "ROC", with_diagonal=True),
        "The dotted line is chance.",
    ),
    "precision_recall": (
        "Precision and recall", _draw_unit("recall", "precision", "Precision and recall", with_diagonal=False),
        "How many of those that are found are right, the more are to be found.",
    ),
    "gain": (
        "Cumulative gain",
        _draw_unit("share of the rows looked at", "share of the positives found", "Gain", with_diagonal=True),
        "Highest probabilities first. The dotted line is a random order.",
    ),
    "calibration": ("Calibration", draw_calibration, "On the dotted line, outcomes are as predicted."),
    "forecast": ("Label and prediction", _draw_forecast, "Rows evenly spread by prediction."),
    "errors": ("Errors", _draw_errors, "Prediction less label; the outer percent on each side is left out."),
}  # fmt: skip
