"""Small plots as SVG, drawn by hand: their colours are those of the page, in light and in dark."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

_AXIS_LETTERS: Final = 10
_EDGE: Final = 6.0


@dataclass(frozen=True)
class Point:
    """One batch in a plot over time; ``low`` and ``high`` are the band that its value was expected in."""

    label: str
    value: float | None
    href: str = ""
    state: str = "passed"
    low: float | None = None
    high: float | None = None


def format_number(value: float | None) -> str:
    """A number for people: thousands apart, four digits that count, a dash for none."""
    if value is None or not math.isfinite(value):
        return "–"
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.2f}" if 1000 <= abs(value) < 1e15 else f"{value:.4g}"


def format_share(value: float | None) -> str:
    """A share as percent; one that is not zero does not look like it."""
    if value is None:
        return "–"
    return "< 0.01 %" if 0 < value < 0.0001 else f"{value * 100:.4g} %"


def draw_line(
    points: Sequence[Point],
    title: str,
    *,
    form: Callable[[float | None], str] = format_number,
    floor: float | None = None,
    ceiling: float | None = None,
    width: int = 640,
    height: int = 150,
) -> Markup:
    """A line over the batches with a dot for each, its band behind it; refused and released batches stand out.

    Args:
        form: writes values.
        floor, ceiling: what the scale has to include.
    """
    found = [one for point in points for one in (point.value, point.low, point.high)]
    numbers = [one for one in (*found, floor, ceiling) if one is not None and math.isfinite(one)]
    if not any(_is_number(point.value) for point in points):
        return Markup('<p class="quiet">No values.</p>')
    low, high = _find_range(numbers)
    left, right, top, bottom = 64.0, width - _EDGE, _EDGE + 2, height - 22.0

    def place(index: int) -> float:
        return (left + right) / 2 if len(points) == 1 else left + (right - left) * index / (len(points) - 1)

    def rise(value: float) -> float:
        # In halves: the range of the greatest floats would overflow.
        return bottom - (bottom - top) * ((value / 2 - low / 2) / (high / 2 - low / 2))

    parts = [
        draw_rule(left, y, right, y, "axis")
        + Markup('<text x="{}" y="{:.1f}" class="label end">{}</text>').format(left - 6, y + 4, _shorten(form, value))
        for value, y in ((high, top), (low, bottom))
    ]
    parts += _draw_bands(points, place, rise)
    known = [(index, point) for index, point in enumerate(points) if _is_number(point.value)]
    for run in _split_runs([index for index, _ in known]):
        path = " ".join(f"{place(index):.1f},{rise(points[index].value or 0.0):.1f}" for index in run)
        parts.append(Markup('<polyline class="line" points="{}"/>').format(path))
    parts += [_draw_dot(place(index), rise(point.value or 0.0), point, form) for index, point in known]
    ends = [(left, "start", points[0]), (right, "end", points[-1])] if len(points) > 1 else [(left, "start", points[0])]
    parts += [
        Markup('<text x="{:.1f}" y="{}" class="label {}">{}</text>').format(x, height - 6, side, point.label)
        for x, side, point in ends
    ]
    return wrap_plot(parts, _describe(title, points, form), width, height)


def _shorten(form: Callable[[float | None], str], value: float) -> str:
    """A number that fits beside an axis."""
    text = form(value)
    return text if len(text) <= _AXIS_LETTERS else f"{value:.3g}"


def draw_trend(points: Sequence[Point], title: str, *, width: int = 140, height: int = 30) -> Markup:
    """A line without axes, from 0 to 1, for a cell of a table."""
    known = [(index, point) for index, point in enumerate(points) if _is_number(point.value)]
    if not known:
        return Markup('<span class="quiet">–</span>')

    def place(index: int) -> float:
        return width - _EDGE if len(points) == 1 else _EDGE + (width - 2 * _EDGE) * index / (len(points) - 1)

    def rise(value: float) -> float:
        return height - _EDGE - (height - 2 * _EDGE) * min(1.0, max(0.0, value))

    path = " ".join(f"{place(index):.1f},{rise(point.value or 0.0):.1f}" for index, point in known)
    dots = [
        _draw_dot(place(index), rise(point.value or 0.0), point, format_number)
        for index, point in known
        if point.state != "passed" or index == len(points) - 1
    ]
    return wrap_plot([Markup('<polyline class="line" points="{}"/>').format(path), *dots], title, width, height)


def draw_bars(counts: Sequence[int], low: str, high: str, title: str, *, width: int = 220, height: int = 64) -> Markup:
    """A histogram: bins of equal width from ``low`` to ``high``."""
    if not counts or max(counts) <= 0:
        return Markup('<span class="quiet">–</span>')
    step, bottom = width / len(counts), height - 16.0
    bars = []
    for index, count in enumerate(counts):
        tall = max(1.0, (bottom - 2) * count / max(counts)) if count else 0.0
        bars.append(
            Markup('<rect class="bar" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>{}</title></rect>')
            .format(index * step + 0.5, bottom - tall, max(1.0, step - 1), tall, f"{count:,} rows")
        )  # fmt: skip
    labels = [
        Markup('<text x="{}" y="{}" class="label {}">{}</text>').format(x, height - 3, side, text)
        for x, side, text in ((0, "start", low), (width, "end", high))
    ]
    text = f"{title}: {len(counts)} bins from {low} to {high}, the fullest with {max(counts):,} rows"
    return wrap_plot([draw_rule(0, bottom, width, bottom, "axis"), *bars, *labels], text, width, height)


def draw_share(share: float) -> Markup:
    """A bar for a share from 0 to 1, for a cell whose text says the number."""
    full = 80.0 * min(1.0, max(0.0, share))
    return Markup(
        '<svg class="share" width="80" height="8" viewBox="0 0 80 8" aria-hidden="true">'
        '<rect class="rail" width="80" height="8" rx="2"/><rect class="bar" width="{:.1f}" height="8" rx="2"/></svg>'
    ).format(full)


def _draw_bands(
    points: Sequence[Point], place: Callable[[int], float], rise: Callable[[float], float]
) -> Iterable[Markup]:
    known = [index for index, point in enumerate(points) if _is_number(point.low) and _is_number(point.high)]
    for run in _split_runs(known):
        upper = [f"{place(index):.1f},{rise(points[index].high or 0.0):.1f}" for index in run]
        lower = [f"{place(index):.1f},{rise(points[index].low or 0.0):.1f}" for index in reversed(run)]
        yield Markup('<polygon class="band" points="{}"/>').format(" ".join([*upper, *lower]))


def _draw_dot(x: float, y: float, point: Point, form: Callable[[float | None], str]) -> Markup:
    text = f"{point.label}: {form(point.value)}"
    if point.low is not None and point.high is not None:
        text += f", expected {form(point.low)} to {form(point.high)}"
    text += "" if point.state == "passed" else f", {point.state}"
    size = 2.5 if point.state == "passed" else 4.5
    dot = Markup('<circle class="dot {}" cx="{:.1f}" cy="{:.1f}" r="{}"><title>{}</title></circle>').format(
        point.state, x, y, size, text
    )
    return Markup('<a href="{}">{}</a>').format(point.href, dot) if point.href else dot


def _describe(title: str, points: Sequence[Point], form: Callable[[float | None], str]) -> str:
    last = points[-1]
    refused = sum(point.state != "passed" for point in points)
    text = f"{title}: {len(points)} batches, the last of {last.label} with {form(last.value)}"
    return f"{text}; {refused} of them were refused" if refused else text


def _find_range(numbers: Sequence[float]) -> tuple[float, float]:
    """The least and the greatest number; around a single one, some room, so that the scale is no point."""
    low, high = min(numbers), max(numbers)
    if low < high:
        return low, high
    room = abs(low) * 0.1 or 1.0
    return max(low - room, -sys.float_info.max), min(high + room, sys.float_info.max)


def _split_runs(indexes: Sequence[int]) -> list[list[int]]:
    """Neighbouring indexes together: a line has a gap where a value is absent."""
    runs: list[list[int]] = []
    for index in indexes:
        if runs and index == runs[-1][-1] + 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    return runs


def _is_number(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def draw_rule(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    """A straight line; ``kind`` is a class of the style sheet."""
    return Markup('<line class="{}" x1="{}" y1="{:.1f}" x2="{}" y2="{:.1f}"/>').format(kind, x1, y1, x2, y2)


def wrap_plot(parts: Iterable[Markup], text: str, width: int, height: int) -> Markup:
    """The picture with its text, for those who do not see it."""
    body = Markup("").join(parts)
    return Markup(
        '<svg class="plot" viewBox="0 0 {0} {1}" width="{0}" height="{1}" role="img" aria-label="{2}">{3}</svg>'
    ).format(width, height, text, body)
