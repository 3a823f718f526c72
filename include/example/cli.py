"""``python -m include.example``: write the examples' source files, shifted to end today.

The systems of a running stack take them in at once.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from include.commands.arguments import parse_day
from include.commands.console import say
from include.example.deliveries import add_sample_option, write_deliveries
from include.example.systems import take_in
from include.local.cli import home_option
from include.local.environment import find_sources_folder
from include.local.home import resolve_home
from include.local.stack import find_stack
from include.settings import load_settings
from include.settings.clock import read_today
from include.settings.sources import sources_root


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files; the exit code.

    Raises:
        SourceError: the folder holds other files, or the options leave no history.
        StackError: the systems of the running stack did not take the files in.
    """
    options = build_parser().parse_args(arguments)
    settings, stack = load_settings().sources, find_stack(resolve_home(options.home))
    seen = find_sources_folder(stack.home, os.environ) if stack else sources_root(settings)
    folder = Path(options.folder) if options.folder else seen
    deliveries = write_deliveries(folder, options.today or read_today(settings.time_zone), options.days, options.sample)
    if stack is not None and folder == seen:
        take_in(stack)
    say(f"{folder}: {deliveries.description}.")
    days = f"FROM_DAY={deliveries.first_day} TO_DAY={deliveries.history_to}"
    say(f"The history is {deliveries.first_day} to {deliveries.history_to}. Load it with: make run {days}")
    if deliveries.replay_days:
        say(f"Days for a replay, to be loaded one by one: {', '.join(map(str, deliveries.replay_days))}.")
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m include.example", description=__doc__, parents=[home_option()])
    parser.add_argument(
        "--folder", help="of the files (default: where the running stack or ORRERY_SOURCES_DIR or sources.yml has them)"
    )
    parser.add_argument("--days", type=int, default=0, help="days kept back for a replay (default: 0)")
    add_sample_option(parser)
    parser.add_argument(
        "--today", type=parse_day, metavar="YYYY-MM-DD", help="the last day (default: ORRERY_TODAY, else the clock)"
    )
    return parser
