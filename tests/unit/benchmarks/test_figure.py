"""Medians, ratios in either direction, and the file that they are kept in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.figure import Figure, bound, compare, draw_table, format_number, format_ours, state, write_figures


def test_the_ratio_is_of_medians() -> None:
    figure = compare("read", [1.0, 9.0, 2.0], [10.0, 8.0, 90.0], "s")
    assert (figure.ours, figure.peer, figure.ratio, figure.repetitions) == (2.0, 10.0, 5.0, 3)


def test_a_cost_is_a_multiple_of_the_peers() -> None:
    figure = compare("task", [3.0], [2.0], "s", "ours / peer")
    assert (figure.ratio, figure.ratio_is) == (1.5, "ours / peer")


def test_series_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="write: 2 measurements stand against 1"):
        compare("write", [1.0, 2.0], [1.0], "s")


def test_nothing_is_divided_by_zero() -> None:
    assert compare("read", [0.0], [1.0], "s").ratio is None


def test_a_figure_without_a_peer_has_no_ratio() -> None:
    assert state("total", [4.0, 2.0, 3.0], "s") == Figure("total", 3.0, None, None, "s", 3)


def test_an_estimate_is_shown_and_kept_with_its_interval(tmp_path: Path) -> None:
    figure = bound(state("gain", [0.0012], "AUC"), -0.0005, 0.0031)
    assert format_ours(figure) == "0.0012 (-0.0005 to 0.0031)"
    assert format_ours(state("gain", [0.0012], "AUC")) == "0.0012"
    (line,) = json.loads(write_figures(tmp_path, "quality", [figure]).read_text())
    assert (line["ours"], line["low"], line["high"]) == (0.0012, -0.0005, 0.0031)


def test_the_file_holds_every_figure(tmp_path: Path) -> None:
    figures = [compare("read", [1.0], [2.0], "s"), state("total", [3.0], "s")]
    path = write_figures(tmp_path / "bench", "seam", figures)
    assert path == tmp_path / "bench" / "seam.json"
    assert [line["figure"] for line in json.loads(path.read_text())] == ["read", "total"]
    assert [line["peer"] for line in json.loads(path.read_text())] == [2.0, None]


def test_the_table_has_a_row_for_each_figure() -> None:
    table = draw_table({"seam": [compare("read", [1.0], [2.0], "s")], "demo": [state("total", [3.0], "s")] * 2})
    assert table.row_count == 3


@pytest.mark.parametrize(
    ("number", "text"),
    [(None, "–"), (12345.6, "12,346"), (2.345, "2.35"), (0.12345, "0.1235"), (-3.0, "-3.00"), (0.0, "0.0000")],
)
def test_numbers_are_as_long_as_they_are_worth(number: float | None, text: str) -> None:
    assert format_number(number) == text
