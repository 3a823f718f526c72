"""Plots: well-formed, with a text for those who do not see them, and without what a value could smuggle in."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest

from include.quality_pages.plots import Point, draw_bars, draw_line, draw_share, draw_trend, format_number, format_share

EVIL = '"><script>alert(1)</script>'


def parse(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def list_points(svg: str) -> list[list[tuple[float, float]]]:
    lines = re.findall(r'<polyline class="line" points="([^"]*)"', svg)
    return [[(float(x), float(y)) for x, y in (pair.split(",") for pair in line.split())] for line in lines]


def test_a_line_rises_with_its_values_and_leaves_a_gap_where_one_is_absent() -> None:
    points = [Point(str(number), value) for number, value in enumerate([1.0, 3.0, None, 2.0, 4.0])]

    svg = draw_line(points, "Rows")

    first, second = list_points(svg)
    assert [len(first), len(second)] == [2, 2]
    heights = [y for _, y in (*first, *second)]
    assert heights[0] > heights[2] > heights[1] > heights[3]  # the greater the value, the nearer to the top
    assert len(parse(svg).findall(".//circle")) == 4


def test_a_refused_batch_stands_out_and_leads_to_its_page() -> None:
    svg = draw_line([Point("a", 1.0, "/a"), Point("b", 0.2, "/b", "refused")], "Score")

    (link,) = [one for one in parse(svg).findall("a") if one.get("href") == "/b"]
    assert link[0].get("class") == "dot refused"
    assert link[0][0].text == "b: 0.2, refused"
    assert "1 of them were refused" in (parse(svg).get("aria-label") or "")


def test_a_band_is_drawn_where_a_value_was_expected_in_one() -> None:
    points = [Point("a", 1.0), Point("b", 2.0, low=1.0, high=3.0), Point("c", 9.0, low=1.0, high=3.0)]

    svg = draw_line(points, "Mean")

    (band,) = parse(svg).findall("polygon")
    assert len((band.get("points") or "").split()) == 4
    assert "expected 1 to 3" in svg


@pytest.mark.parametrize(
    "values", [[0.0, 0.0], [5.0], [1e308, -1e308], [math.nan, 1.0], [math.inf, 2.0], [-7.25, -7.25], [1.7e308]]
)
def test_values_at_the_edge_are_drawn_inside_of_the_picture(values: list[float]) -> None:
    svg = draw_line([Point("x", value) for value in values], "Edge")

    parse(svg)
    for line in list_points(svg):
        assert all(0 <= x <= 640 and 0 <= y <= 150 for x, y in line)
    assert "nan" not in svg
    assert "inf" not in svg


def test_nothing_to_draw_is_said_in_words() -> None:
    assert "No values" in draw_line([Point("a", None)], "Mean")
    assert "No values" in draw_line([], "Mean")
    assert "–" in draw_trend([], "Score")
    assert "–" in draw_bars([], "0", "1", "Rows")
    assert "–" in draw_bars([0, 0], "0", "1", "Rows")


def test_bars_are_as_tall_as_their_counts() -> None:
    bars = parse(draw_bars([1, 0, 10], "0", "3", "Rows by heat")).findall("rect")

    heights = [float(bar.get("height") or 0) for bar in bars]
    assert heights[0] > 0
    assert heights[1] == 0
    assert heights[2] == max(heights)


def test_a_share_outside_of_0_and_1_stays_in_its_cell() -> None:
    assert [parse(draw_share(share))[1].get("width") for share in (-1.0, 0.5, 7.0)] == ["0.0", "40.0", "80.0"]


def test_a_text_that_is_markup_is_text() -> None:
    for svg in (
        draw_line([Point(EVIL, 1.0, EVIL, EVIL)], EVIL),
        draw_trend([Point(EVIL, 1.0, EVIL, "refused")], EVIL),
        draw_bars([1], EVIL, EVIL, EVIL),
    ):
        assert "<script" not in svg
        assert parse(svg).findall(".//script") == []


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (math.nan, "–"), (12, "12"), (1234567, "1,234,567"), (0.12345, "0.1235"), (12345.678, "12,345.68")],
)
def test_numbers_are_written_for_people(value: float | None, text: str) -> None:
    assert format_number(value) == text


@pytest.mark.parametrize(("share", "text"), [(None, "–"), (0, "0 %"), (0.00001, "< 0.01 %"), (0.0512, "5.12 %")])
def test_a_share_that_is_not_zero_does_not_look_like_it(share: float | None, text: str) -> None:
    assert format_share(share) == text


def test_the_numbers_beside_an_axis_fit_there() -> None:
    drawn = str(draw_line([Point("1", 35_341_380_959.36), Point("2", 41_478_991_972.01)], "Mean"))
    assert '">4.15e+10</text>' in drawn
    assert ">41,478,991,972.01</text>" not in drawn
