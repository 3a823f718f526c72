"""Figures beneath one another, as bars or as points with their intervals, each against its limit; as SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from include.candidate_pages.plane import NONE, find_range, list_ticks
from include.quality_pages.plots import draw_rule, wrap_plot

_ROW: Final = 24.0
_TOP: Final = 4.0
_BOTTOM: Final = 20.0
_VALUE: Final = 62.0
_RIGHT: Final = 8.0
_LETTER: Final = 6.1
"""Pixels of a letter, roughly."""


def write_short(value: float | None) -> str:
    """A number beside a bar: three digits that count."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def write_gain(value: float | None) -> str:
    """The same with its sign."""
    return write_short(value) if value is None or value <= 0 or not math.isfinite(value) else f"+{write_short(value)}"


def write_percent(value: float | None) -> str:
    """A share in whole percent; one that is not zero does not look like it."""
    if value is None or not math.isfinite(value):
        return "–"
    return "< 1 %" if 0 < value < 0.005 else f"{value * 100:.0f} %" if value >= 0.1 else f"{value * 100:.2g} %"


@dataclass(frozen=True)
class Entry:
    """One figure.

    Attributes:
        low: with ``high``, its interval.
        limit: what it is compared with.
        is_met: whether it keeps the limit.
    """

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    limit: float | None = None
    is_met: bool = True

    @property
    def numbers(self) -> list[float]:
        """All of it that is a finite number."""
        known = (self.value, self.low, self.high, self.limit)
        return [one for one in known if one is not None and math.isfinite(one)]


@dataclass(frozen=True)
class _Layout:
    """Where the parts of a row are, in pixels, and the range of the scale."""

    label_width: float
    width: int
    ends: tuple[float, float]

    def place(self, value: float) -> float:
        low, high = self.ends
        part = min(1.0, max(0.0, (value - low) / (high - low)))
        return self.label_width + (self.width - self.label_width - _VALUE - _RIGHT) * part


def draw_entries(
    entries: Sequence[Entry],
    title: str,
    *,
    with_bars: bool = False,
    form: Callable[[float | None], str] = write_short,
    width: int = 340,
) -> Markup:
    """A row for each figure with its value; its limit is a line across the row, an interval a line along it.

    Args:
        title: what the figures are, for those who do not see the picture.
        with_bars: bars from zero; points otherwise, on a scale of their own.
    """
    known = [entry for entry in entries if entry.value is not None and math.isfinite(entry.value)]
    if not known:
        return NONE
    numbers = [number for entry in known for number in entry.numbers]
    longest = max(len(entry.label) for entry in known)
    label_width = min(longest * _LETTER + 8, width * 0.45)
    layout = _Layout(label_width, width, find_range(numbers, with_zero=with_bars))
    height = _TOP + _ROW * len(known) + _BOTTOM
    parts = [*_draw_scale(layout, height - _BOTTOM, form)]
    for index, entry in enumerate(known):
        parts += _draw_entry(entry, _TOP + _ROW * (index + 0.5), layout, form, with_bars=with_bars)
    text = f"{title}: {'; '.join(_describe(entry, form) for entry in known[:12])}"
    return wrap_plot(parts, text + (f"; and {len(known) - 12} more" if len(known) > 12 else ""), width, int(height))


def _draw_scale(layout: _Layout, bottom: float, form: Callable[[float | None], str]) -> Iterator[Markup]:
    """Lines at round values; every second one is named where they would touch."""
    ticks = list_ticks(layout.ends)
    room = layout.place(layout.ends[1]) - layout.place(layout.ends[0])
    widest = max((len(form(tick)) for tick in ticks), default=1) * _LETTER + 8
    stride = max(1, math.ceil(widest * len(ticks) / max(room, 1)))
    for index, tick in enumerate(ticks):
        yield draw_rule(layout.place(tick), _TOP, layout.place(tick), bottom, "zero" if tick == 0 else "axis")
        if index % stride == 0:
            yield Markup('<text x="{:.1f}" y="{:.1f}" class="label middle">{}</text>').format(
                layout.place(tick), bottom + 14, form(tick)
            )


def _draw_entry(
    entry: Entry, y: float, layout: _Layout, form: Callable[[float | None], str], *, with_bars: bool
) -> Iterator[Markup]:
    value, state = entry.value or 0.0, "" if entry.is_met else " refused"
    shown = _shorten(entry.label, round((layout.label_width - 8) / _LETTER))
    yield Markup('<text x="{:.1f}" y="{:.1f}" class="name end">{}<title>{}</title></text>').format(
        layout.label_width - 6, y + 4, shown, entry.label
    )
    if with_bars:
        start, end = sorted((layout.place(0.0), layout.place(value)))
        yield Markup('<rect class="bar{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="12"/>').format(
            state, start, y - 6, max(end - start, 1.0)
        )
    if entry.low is not None and entry.high is not None:
        yield draw_rule(layout.place(entry.low), y, layout.place(entry.high), y, "whisker" + state)
    if not with_bars:
        yield Markup('<circle class="dot{}" cx="{:.1f}" cy="{:.1f}" r="4"/>').format(state, layout.place(value), y)
    if entry.limit is not None:
        yield draw_rule(layout.place(entry.limit), y - 10, layout.place(entry.limit), y + 10, "limit")
    yield Markup('<text x="{}" y="{:.1f}" class="value end{}">{}<title>{}</title></text>').format(
        layout.width - 2, y + 4, state, form(entry.value), _describe(entry, form)
    )


def _describe(entry: Entry, form: Callable[[float | None], str]) -> str:
    text = f"{entry.label} {form(entry.value)}"
    if entry.low is not None and entry.high is not None:
        text += f" ({form(entry.low)} to {form(entry.high)})"
    if entry.limit is not None:
        text += f", limit {form(entry.limit)}"
    return text if entry.is_met else f"{text}, beyond it"


def _shorten(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: max(letters - 1, 1)]}…"
