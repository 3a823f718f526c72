"""Planes and bars as SVG."""

from __future__ import annotations

import math
import re

import pytest

from include.candidate_pages.bars import Entry, draw_entries, write_gain, write_percent, write_short
from include.candidate_pages.plane import NONE, Chart, Dot, Plane, draw_chart, find_range, list_ticks
from include.candidate_pages.swarm import draw_swarm
from tests.unit.candidate_pages.records import EVIL


@pytest.mark.parametrize(
    ("ends", "ticks"),
    [
        ((0.0, 1.0), [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        ((-0.03, 0.07), [-0.02, 0.0, 0.02, 0.04, 0.06]),
        ((96.0, 104.0), [96.0, 98.0, 100.0, 102.0, 104.0]),
        ((0.0, 3e7), [0.0, 1e7, 2e7, 3e7]),
    ],
)
def test_ticks_are_round_and_within_the_range(ends: tuple[float, float], ticks: list[float]) -> None:
    assert list_ticks(ends) == ticks


@pytest.mark.parametrize("values", [[], [0.0], [0.0, 0.0], [5.0, 5.0], [math.nan, 2.0], [-1e-12, 1e-12]])
@pytest.mark.parametrize("with_zero", [True, False])
def test_a_range_is_never_a_single_point(values: list[float], with_zero: bool) -> None:
    low, high = find_range(values, with_zero=with_zero)
    assert low < high
    assert list_ticks((low, high))
    assert not with_zero or low <= 0 <= high


def test_a_point_lies_where_its_values_say() -> None:
    plane = Plane((0.0, 10.0), (0.0, 10.0), "predicted", EVIL)
    assert plane.place(0.0) < plane.place(5.0) < plane.place(10.0) == plane.place(99.0)
    assert plane.rise(0.0) > plane.rise(5.0) > plane.rise(10.0)
    drawn = draw_chart(Chart(plane, f"told {EVIL}", [([(0.0, 0.0), (10.0, 10.0)], "line")], [Dot(5.0, 5.0, EVIL)]))
    assert f'cx="{plane.place(5.0):.1f}" cy="{plane.rise(5.0):.1f}"' in drawn
    assert EVIL not in drawn
    assert drawn.count("&lt;img") == 3


def test_without_a_line_or_a_dot_there_is_no_picture() -> None:
    plane = Plane((0.0, 1.0), (0.0, 1.0), "x", "y")
    assert draw_chart(Chart(plane, "nothing", [([(0.0, 0.0), (1.0, 1.0)], "dotted")])) == NONE
    assert draw_entries([Entry("a", None), Entry("b", math.nan)], "nothing") == NONE


def test_what_is_beyond_its_limit_looks_and_reads_otherwise() -> None:
    entries = [Entry("good", 0.2, 0.1, 0.3, 0.5), Entry(f"bad {EVIL}", 0.8, limit=0.5, is_met=False)]
    drawn = draw_entries(entries, "errors", with_bars=True)
    assert drawn.count('class="limit"') == 2
    assert drawn.count('class="whisker"') == 1
    assert drawn.count('class="bar refused"') == 1
    assert "good 0.2 (0.1 to 0.3), limit 0.5;" in drawn
    assert "0.8, limit 0.5, beyond it" in drawn
    assert EVIL not in drawn


def test_bars_of_losses_end_at_zero() -> None:
    drawn = draw_entries([Entry("a", -2.0), Entry("b", 3.0)], "profits", with_bars=True)
    assert drawn.count("<rect") == 2
    assert 'class="zero"' in drawn


def test_a_long_label_is_cut_and_whole_in_its_title() -> None:
    drawn = draw_entries([Entry("a" * 60, 1.0)], "long")
    assert f"<title>{'a' * 60}</title>" in drawn
    assert f">{'a' * 60}<" in drawn
    assert "…" in drawn


def test_a_swarm_has_a_point_for_each_row_and_says_whether_its_value_was_low_or_high() -> None:
    one = {"feature": f"wear {EVIL}", "mean": 0.2, "values": [0.2, 0.2, -0.2, None], "places": [0.0, 0.5, 1.0, None]}
    text = {"feature": "site", "mean": 0.1, "values": [0.1], "places": [None]}
    drawn = draw_swarm([one, text])
    assert drawn.count("<circle") == 4
    for part in ("low", "middle", "high", "plain"):
        assert drawn.count(f'class="dot {part}"') == 1
    assert "wear &lt;img src=x onerror=alert(1)&gt; +0.2; site +0.1" in drawn
    heights = {found for found in re.findall(r'cy="([^"]+)"', drawn)}
    assert len(heights) == 3, "two of three points lie on one another"
    assert draw_swarm([]) == NONE


@pytest.mark.parametrize(
    ("write", "value", "text"),
    [
        (write_short, 1234567.0, "1,234,567"), (write_short, 0.04796, "0.048"), (write_short, None, "–"),
        (write_gain, 0.01, "+0.01"), (write_gain, -0.01, "-0.01"), (write_gain, 0.0, "0"),
        (write_percent, 0.781, "78 %"), (write_percent, 0.089, "8.9 %"), (write_percent, 0.0001, "< 1 %"),
        (write_percent, 0.0, "0 %"), (write_percent, math.inf, "–"),
    ],
)  # fmt: skip
def test_numbers_are_short(write: object, value: float | None, text: str) -> None:
    assert callable(write)
    assert write(value) == text
