"""The time zone of the project."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from include.adopt.zone import check_zone, replace_zone, set_time_zone
from include.errors import SettingsError

TEXT = "root: x\n# time_zone: of the plant\ntime_zone: UTC # as before\nschedule: null\n"


def test_the_line_is_replaced_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "sources.yml"
    path.write_text(TEXT)
    set_time_zone(path, "Europe/Berlin")
    assert path.read_text() == "root: x\n# time_zone: of the plant\ntime_zone: Europe/Berlin\nschedule: null\n"
    assert [file.name for file in tmp_path.iterdir()] == ["sources.yml"]


def test_without_the_line_it_is_said_what_to_add() -> None:
    with pytest.raises(SettingsError, match="no line 'time_zone:'"):
        replace_zone("root: x\n", "UTC")


def test_a_zone_that_there_is_not_is_refused_with_a_near_one() -> None:
    assert check_zone("Europe/Berlin") == "Europe/Berlin"
    with pytest.raises(argparse.ArgumentTypeError, match="did you mean 'Europe/Berlin'"):
        check_zone("berlin")
    with pytest.raises(argparse.ArgumentTypeError, match="such as Europe/Berlin"):
        check_zone("Nowhere/Land")
