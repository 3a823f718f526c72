"""What ``make demo ARGS=…`` can change."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from include.commands.arguments import parse_day
from include.errors import StackError
from include.example.deliveries import add_sample_option, check_sample
from include.local.cli import home_option
from include.local.home import resolve_home
from include.operate.approval import find_approver

if TYPE_CHECKING:
    from include.settings.models import ModelSettings

_DESCRIPTION = "Run the whole loop for every declared model, from files to production: history first, then day by day."


@dataclass(frozen=True)
class DemoOptions:
    """What the command line asks for.

    Attributes:
        days: how many days are replayed as the live stream.
        sample: a part of the examples' data (None: all of it).
        today: the day on which the data ends; None asks ORRERY_TODAY, else the clock.
        is_exiting: whether everything is stopped at the end.
    """

    home: Path
    days: int = 2
    sample: int | None = None
    today: date | None = None
    is_exiting: bool = False


def read_options(arguments: Sequence[str] | None = None) -> DemoOptions:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m include.demo", description=_DESCRIPTION, parents=[home_option()])
    parser.add_argument("--days", type=int, default=2, help="days to replay as the live stream (default: 2)")
    add_sample_option(parser)
    parser.add_argument(
        "--today",
        type=parse_day,
        metavar="YYYY-MM-DD",
        help="the day on which the data ends (default: ORRERY_TODAY, else today)",
    )
    parser.add_argument("--exit", action="store_true", help="stop everything at the end; exit 0 only on success")
    options = parser.parse_args(arguments)
    return DemoOptions(resolve_home(options.home).path, options.days, options.sample, options.today, options.exit)


def check_options(options: DemoOptions, models: Mapping[str, ModelSettings], users: Collection[str]) -> None:
    """Refuse what cannot work, before anything is touched.

    Raises:
        StackError: no day to replay, no model is declared, or nobody could approve one.
        SourceError: the sample is too small.
    """
    if options.days < 1:
        raise StackError("--days must be at least 1: the stream needs a day to replay.")
    check_sample(options.sample)
    if not models:
        raise StackError(
            "No model is declared: include/config/models holds no NAME.yml. Declare one "
            "(docs/guides/scientist.md), or restore the examples: git checkout include/config/models."
        )
    for model in models.values():
        find_approver(model, users)
