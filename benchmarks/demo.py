"""The whole loop, once: how long each stage of ``make demo`` takes, and how good its champions are.

Measured: what ``make demo ARGS=--exit`` does, in a folder of its own, with the stage seconds and the
model quality of its ``report.json``. Times have no peer: nothing else does this work; the stages of several
models overlap. Each champion's score (AUC, D²) stands against the best single feature as a model (ratio: ours /
peer), the rule that one would go by without machine learning.

Fair because: both are measured on the same later cutoff, which neither training nor the choice of that
feature has seen. One repetition: it is the run that a newcomer sees.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from benchmarks.catalog import BenchmarkError, Options
from benchmarks.figure import Figure, compare, state
from benchmarks.surroundings import temporary_folder
from benchmarks.timing import Tell
from include.demo.options import DemoOptions
from include.demo.run import run_demo
from include.operate.figures import name_metric

REPORT: Final = Path("demo") / "report.json"


def measure(options: Options, tell: Tell) -> list[Figure]:
    """Seconds of every stage and in total; the score of each champion and of its baseline.

    Raises:
        BenchmarkError: the demo says itself that its loop did not work.
    """
    sample = f"{options.households} households" if options.households else "all households"
    tell(f"  {sample}, {options.days} days replayed")
    with temporary_folder() as home:
        code = run_demo(DemoOptions(home, options.days, options.households or None, is_exiting=True))
        report = json.loads((home / REPORT).read_text(encoding="utf-8"))
    if code:
        raise BenchmarkError(f"The demo ended with {code}: {'; '.join(report['shortcomings'])}. Run make demo.")
    return read_figures(report, sample)


def read_figures(report: dict[str, Any], sample: str) -> list[Figure]:
    """The figures of a demo's report."""
    return [
        *(state(stage["name"], [stage["seconds"]], "s") for stage in report["stages"]),
        state(f"total, {sample}", [report["total_seconds"]], "s"),
        *(compare_quality(name, section) for name, section in report["models"].items()),
    ]


def compare_quality(name: str, section: dict[str, Any]) -> Figure:
    """A model's score against that of its baseline."""
    champion, baseline = section["champion"], section["baseline"]
    return compare(
        f"{name}; peer: {baseline['feature']} alone",
        [champion["score"]], [baseline["score"]], name_metric(champion["score_name"]), "ours / peer",
    )  # fmt: skip
