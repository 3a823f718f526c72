"""The examples' source files as the demo and the command line see them: written for a day, told in a sentence."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from include.errors import SourceError
from include.example.panel import MARKER, PanelSummary, write_shop_sources

MIN_SAMPLE: Final = 1000


@dataclass(frozen=True)
class Deliveries:
    """Files that were written: the history up to ``history_to``, then the days to replay.

    Attributes:
        rows: rows by source.
        description: what was written, in a few words.
    """

    first_day: date
    history_to: date
    replay_days: tuple[date, ...]
    rows: dict[str, int]
    description: str

    @property
    def last_day(self) -> date:
        """The last day for which there are files."""
        return self.replay_days[-1] if self.replay_days else self.history_to


def add_sample_option(parser: argparse.ArgumentParser) -> None:
    """The option that takes a part of the examples' data; it is ``sample`` in the parsed arguments."""
    parser.add_argument(
        "--households",
        dest="sample",
        metavar="N",
        type=int,
        default=None,
        help="sample N households (default: all)",
    )


def check_sample(sample: int | None) -> None:
    """Refuse a sample that is too small to learn and to judge from.

    Raises:
        SourceError: says how many are needed.
    """
    if sample is not None and sample < MIN_SAMPLE:
        raise SourceError(
            f"--households must be at least {MIN_SAMPLE}: with fewer, the test has too few churners for the "
            "gates to let any model into production (include/config/gates.yml, evidence)."
        )


def write_deliveries(folder: Path, last_day: date, replay_days: int, sample: int | None = None) -> Deliveries:
    """Write the files up to ``last_day``, unless the same ones are there already.

    Args:
        folder: the root of the sources.
        replay_days: how many days, up to ``last_day``, are kept for the replay.
        sample: so many households; all of them when None.

    Raises:
        SourceError: the data is not installed, the arguments leave no history, or the folder holds other files.
    """
    return _describe(write_shop_sources(folder, last_day, replay_days, sample))


def read_deliveries(folder: Path) -> Deliveries:
    """What was written into a folder before.

    Raises:
        SourceError: nothing was, or the writing was interrupted.
    """
    try:
        content: dict[str, Any] = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        return _describe(PanelSummary.from_json(content["summary"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SourceError(
            f"{folder} does not hold the examples' files. Write them first: python -m include.example --folder {folder}"
        ) from error


def _describe(summary: PanelSummary) -> Deliveries:
    days = (summary.last_day - summary.first_day) // timedelta(days=1) + 1
    text = (
        f"{summary.rows['transactions']:,} transaction lines of {summary.households:,} households on {days} days, "
        f"shifted by {summary.shift_days // 7} weeks to end on {summary.last_day}"
    )
    return Deliveries(summary.first_day, summary.history_to, summary.replay_days, dict(summary.rows), text)
