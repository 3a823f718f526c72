"""What the demo refuses before it touches anything."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from include.demo.run import MIN_HOUSEHOLDS, DemoOptions, add_arguments, check_options, run_from_arguments
from include.errors import StackError


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(words)


def test_what_can_work_is_accepted(tmp_path: Path) -> None:
    check_options(DemoOptions(tmp_path))
    check_options(DemoOptions(tmp_path, days=1, households=MIN_HOUSEHOLDS))


@pytest.mark.parametrize("days", [0, -1])
def test_a_stream_without_a_day_is_refused(tmp_path: Path, days: int) -> None:
    with pytest.raises(StackError, match=r"--days must be at least 1"):
        check_options(DemoOptions(tmp_path, days=days))


@pytest.mark.parametrize("households", [0, -5, MIN_HOUSEHOLDS - 1])
def test_a_sample_too_small_to_judge_from_is_refused(tmp_path: Path, households: int) -> None:
    with pytest.raises(StackError, match=rf"--households must be at least {MIN_HOUSEHOLDS}.*gates\.yml"):
        check_options(DemoOptions(tmp_path, households=households))


def test_a_refused_demo_leaves_no_trace(tmp_path: Path) -> None:
    home = tmp_path / "stack"
    with pytest.raises(StackError, match=r"--days"):
        run_from_arguments(parse("--days", "0"), home)
    with pytest.raises(StackError, match=r"--households"):
        run_from_arguments(parse("--households", "10"), home)
    assert not home.exists()


def test_the_command_line_asks_for_all_households_and_leaves_the_stack_running() -> None:
    assert vars(parse()) == {"days": DemoOptions(Path()).days, "households": None, "exit": False}
    assert vars(parse("--days", "5", "--households", "1500", "--exit")) == {
        "days": 5,
        "households": 1500,
        "exit": True,
    }
