"""Curves and points in a plane with two axes, as SVG; the colours are those of the page."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from markupsafe import Markup

from include.quality_pages.plots import draw_rule, format_number, wrap_plot

_LEFT: Final = 48.0
_BOTTOM: Final = 40.0
_TOP: Final = 10.0
_RIGHT: Final = 12.0
_TICKS: Final = 5
_TITLE_LETTERS: Final = 52
NONE: Final = Markup('<p class="quiet">No values.</p>')


@dataclass(frozen=True)
class Dot:
    """A point of a plane; ``size`` is its radius in pixels, ``text`` what it says of itself."""

    x: float
    y: float
    text: str
    size: float = 3.0
    state: str = "passed"


@dataclass(frozen=True)
class Plane:
    """The ranges of two axes on a picture.

    Attributes:
        x_range: with ``y_range``, the least and the greatest value.
        x_title: with ``y_title``, what the values are.
        x_form: with ``y_form``, how the values at the ticks are written.
    """

    x_range: tuple[float, float]
    y_range: tuple[float, float]
    x_title: str
    y_title: str
    x_form: Callable[[float | None], str] = format_number
    y_form: Callable[[float | None], str] = format_number
    width: int = 340
    height: int = 240

    def place(self, x: float) -> float:
        """Pixels from the left."""
        return _LEFT + (self.width - _LEFT - _RIGHT) * _part(x, self.x_range)

    def rise(self, y: float) -> float:
        """Pixels from the top."""
        return self.height - _BOTTOM - (self.height - _BOTTOM - _TOP) * _part(y, self.y_range)

    def draw_axes(self) -> list[Markup]:
        """Lines, ticks with their values, and the titles."""
        left, right, bottom = _LEFT, self.width - _RIGHT, self.height - _BOTTOM
        parts = []
        for y in list_ticks(self.y_range):
            parts.append(draw_rule(left, self.rise(y), right, self.rise(y), "axis"))
            parts.append(_write(left - 5, self.rise(y) + 4, self.y_form(y), "end"))
        for x in list_ticks(self.x_range):
            parts.append(draw_rule(self.place(x), bottom, self.place(x), bottom + 4, "axis"))
            parts.append(_write(self.place(x), bottom + 16, self.x_form(x), "middle"))
        parts.append(_write((left + right) / 2, self.height - 5, self.x_title[:_TITLE_LETTERS], "middle"))
        turned = Markup('<text transform="translate(11 {:.1f}) rotate(-90)" class="label middle">{}</text>')
        return [*parts, turned.format((_TOP + bottom) / 2, self.y_title[:_TITLE_LETTERS])]

    def draw_path(self, points: Sequence[tuple[float, float]], kind: str = "line") -> Markup:
        """A line through points; ``kind`` is a class of the style sheet."""
        path = " ".join(f"{self.place(x):.1f},{self.rise(y):.1f}" for x, y in points)
        return Markup('<polyline class="{}" points="{}"/>').format(kind, path)

    def draw_dots(self, dots: Sequence[Dot]) -> list[Markup]:
        """The points, each with its text."""
        form = Markup('<circle class="dot {}" cx="{:.1f}" cy="{:.1f}" r="{:.1f}"><title>{}</title></circle>')
        return [form.format(dot.state, self.place(dot.x), self.rise(dot.y), dot.size, dot.text) for dot in dots]


@dataclass(frozen=True)
class Chart:
    """What is drawn on a plane, and in words for those who do not see it.

    Attributes:
        paths: lines, each with its class of the style sheet.
        dots: points over the lines.
    """

    plane: Plane
    text: str
    paths: Sequence[tuple[Sequence[tuple[float, float]], str]] = ()
    dots: Sequence[Dot] = field(default=())


def draw_chart(chart: Chart) -> Markup:
    """The picture; a word in its place where there is no point."""
    if not any(len(points) > 1 for points, kind in chart.paths if kind == "line") and not chart.dots:
        return NONE
    plane = chart.plane
    parts = [*plane.draw_axes(), *(plane.draw_path(points, kind) for points, kind in chart.paths)]
    return wrap_plot([*parts, *plane.draw_dots(chart.dots)], chart.text, plane.width, plane.height)


def find_range(values: Sequence[float], *, with_zero: bool = False) -> tuple[float, float]:
    """The range of some finite values with a little room; never a single point."""
    known = [value for value in values if math.isfinite(value)] + ([0.0] if with_zero else [])
    low, high = min(known, default=0.0), max(known, default=1.0)
    if with_zero and low == high:
        return 0.0, 1.0
    room = (high - low) * 0.04 or abs(low) * 0.1 or 1.0
    is_floor, is_ceiling = with_zero and low == 0.0, with_zero and high == 0.0
    return (low if is_floor else low - room, high if is_ceiling else high + room)


def list_ticks(ends: tuple[float, float]) -> list[float]:
    """A few round values within a range: multiples of 1, 2 or 5 times a power of ten."""
    low, high = ends
    rough = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(at * step, 12) for at in range(first, last + 1)]


def _part(value: float, ends: tuple[float, float]) -> float:
    """Where a value lies between two ends, within 0 and 1."""
    low, high = ends
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _write(x: float, y: float, text: str, side: str) -> Markup:
    return Markup('<text x="{:.1f}" y="{:.1f}" class="label {}">{}</text>').format(x, y, side, text)
