"""The whole loop, once: how long each stage of ``make demo`` takes, and how good its champion is.

Measured: what ``make demo ARGS=--exit`` does, in a folder of its own, with the stage seconds and the
model quality of its ``report.json``. Times have no peer: nothing else does this work. The champion's
AUC stands against the best single feature as a score (ratio: ours / peer), the rule that a shop without
a model would go by.

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
from include.demo.run import DemoOptions, run_demo

REPORT: Final = Path("demo") / "report.json"


def measure(options: Options, tell: Tell) -> list[Figure]:
    """Seconds of every stage and in total; AUC of the champion and of its baseline.

    Raises:
        BenchmarkError: the demo says itself that its loop did not work.
    """
    sample = f"{options.households} households" if options.households else "all households"
    tell(f"  {sample}, {options.days} days replayed")
    with temporary_folder() as home:
        code = run_demo(DemoOptions(home, options.days, options.households or None, is_exiting=True))
        report = json.loads((home / REPORT).read_text(encoding="utf-8"))
    if code:
        raise BenchmarkError(
            f"The demo ended with {code}: lineage {report['lineage']}, traffic {report['traffic']}. Run make demo."
        )
    return read_figures(report, sample)


def read_figures(report: dict[str, Any], sample: str) -> list[Figure]:
    """The figures of a demo's report."""
    champion, baseline = report["champion"], report["baseline"]
    return [
        *(state(stage["name"], [stage["seconds"]], "s") for stage in report["stages"]),
        state(f"total, {sample}", [report["total_seconds"]], "s"),
        compare(
            f"{champion['name']}; peer: {baseline['feature']} alone",
            [champion["auc"]], [baseline["auc"]], "AUC", "ours / peer",
        ),
    ]  # fmt: skip
