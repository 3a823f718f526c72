"""``python -m benchmarks [NAME]``: measure one benchmark, or all, and show the figures as one table.

Each writes ``NAME.json`` into ``.local/bench`` (``$ORRERY_HOME/bench`` where that is set).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from benchmarks.catalog import NAMES, Options, find_benchmark
from benchmarks.figure import draw_table, write_figures
from include.commands.console import say
from include.errors import OrreryError
from include.local.home import resolve_home

if TYPE_CHECKING:
    from benchmarks.figure import Figure


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; 1 if a benchmark failed or is unknown. The others' figures are kept."""
    options = build_parser().parse_args(arguments)
    chosen = options.name or list(NAMES)
    settings = Options(
        repetitions=options.repetitions,
        rows=options.rows,
        entities=options.entities,
        # (examples begin)
        households=options.households,
        days=options.days,
        # (examples end)
    )
    results: dict[str, list[Figure]] = {}
    failures: list[str] = []
    for name in chosen:
        try:
            results[name] = run_benchmark(name, settings)
        except OrreryError as error:
            failures.append(f"✘ {name}: {error}")
            say(failures[-1])
    if results:
        show(results)
    if len(chosen) > 1 and failures:
        say("\n" + "\n".join(failures))
    return 1 if failures else 0


def run_benchmark(name: str, options: Options) -> list[Figure]:
    """Measure one benchmark and write its file."""
    measure = find_benchmark(name)
    say(f"▶ {name}")
    began_at = time.monotonic()
    figures = measure(options, say)
    path = write_figures(resolve_home().path / "bench", name, figures)
    say(f"✔ {name}: {len(figures)} figures after {time.monotonic() - began_at:.0f} s, in {path}\n")
    return figures


def show(results: dict[str, list[Figure]]) -> None:
    """Print the table; as wide as it needs where the output is no terminal."""
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else 160).print(draw_table(results))


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    defaults = Options()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="*", help=f"which to run (default: all): {', '.join(NAMES)}")
    parser.add_argument("--repetitions", type=positive, help="instead of each benchmark's own number")
    parser.add_argument(
        "--rows",
        type=positive,
        default=defaults.rows,
        help="rows of the frame in seam and of the smaller file in ingest",
    )
    # (examples begin)
    parser.add_argument(
        "--households",
        type=int,
        help="a sample in dbt (default 400, the audit refuses the uneven days of less than 200), "
        "demo, feature_growth and quality (default 0: all of them; the demo names its own minimum)",
    )
    parser.add_argument("--days", type=positive, default=defaults.days, help="days that demo replays")
    # (examples end)
    parser.add_argument(
        "--entities",
        type=positive,
        default=defaults.entities,
        help="in point_in_time: each has 100 feature rows and ten of the spine; in batch_scoring: of its first size",
    )
    return parser


def positive(text: str) -> int:
    """A whole number from 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1")
    return number


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        say("Interrupted.")
        sys.exit(130)
