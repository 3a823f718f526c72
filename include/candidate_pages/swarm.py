"""What features do to the answers to single rows, as a swarm of points for each, as SVG."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from include.candidate_pages.bars import write_gain
from include.candidate_pages.plane import NONE, find_range, list_ticks
from include.quality_pages.plots import draw_rule, wrap_plot

_ROW: Final = 34.0
_TOP: Final = 4.0
_BOTTOM: Final = 20.0
_LABEL: Final = 118.0
_RIGHT: Final = 14.0
_LETTERS: Final = 18
_SIZE: Final = 2.4
_WIDTH: Final = 340
_PARTS: Final = (("low", 1 / 3), ("middle", 2 / 3), ("high", 1.01))
"""Classes of the style sheet by the place of a row's value among all."""


def draw_swarm(attributions: Sequence[Mapping[str, Any]]) -> Markup:
    """A row for each feature with a point for each explained row; points that would touch stand above one another."""
    values = [value for one in attributions for value in one["values"] if value is not None]
    if not values:
        return NONE
    ends = find_range(values, with_zero=True)
    bottom = _TOP + _ROW * len(attributions)
    parts = [*_draw_scale(ends, bottom)]
    for index, one in enumerate(attributions):
        y = _TOP + _ROW * (index + 0.5)
        name = one["feature"]
        shown = name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…"
        parts.append(
            Markup('<text x="{}" y="{:.1f}" class="name end">{}<title>{}</title></text>').format(
                _LABEL - 8, y + 4, shown, name
            )
        )
        parts += _draw_points(one, y, ends)
    told = "; ".join(f"{one['feature']} {write_gain(one['mean'])}" for one in attributions)
    return wrap_plot(parts, f"Mean change of the answer by feature: {told}", _WIDTH, int(bottom + _BOTTOM))


def _draw_scale(ends: tuple[float, float], bottom: float) -> Iterator[Markup]:
    for tick in list_ticks(ends):
        x = _place(tick, ends)
        yield draw_rule(x, _TOP, x, bottom, "zero" if tick == 0 else "axis")
        yield Markup('<text x="{:.1f}" y="{:.1f}" class="label middle">{}</text>').format(
            x, bottom + 14, write_gain(tick)
        )


def _draw_points(one: Mapping[str, Any], y: float, ends: tuple[float, float]) -> Iterator[Markup]:
    known = [pair for pair in zip(one["values"], one["places"], strict=True) if pair[0] is not None]
    taken: dict[int, int] = {}
    form = Markup('<circle class="dot {}" cx="{:.1f}" cy="{:.1f}" r="{}"><title>{}</title></circle>')
    for value, place in sorted(known, key=lambda pair: pair[0]):
        x = _place(value, ends)
        slot = round(x / (2 * _SIZE))
        depth = taken[slot] = taken.get(slot, -1) + 1
        away = min((depth + 1) // 2 * _SIZE * 1.6, _ROW / 2 - _SIZE) * (1 if depth % 2 else -1)
        text = f"{one['feature']}: {write_gain(value)}{_describe_place(place)}"
        yield form.format(_name_part(place), x, y + away, _SIZE, text)


def _place(value: float, ends: tuple[float, float]) -> float:
    low, high = ends
    return _LABEL + (_WIDTH - _LABEL - _RIGHT) * (value - low) / (high - low)


def _name_part(place: float | None) -> str:
    return "plain" if place is None else next(name for name, most in _PARTS if place <= most)


def _describe_place(place: float | None) -> str:
    return "" if place is None else f", a {_name_part(place)} value"
