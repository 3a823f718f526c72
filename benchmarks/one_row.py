"""One prediction: the form that serves against the model as its library has it.

Measured: the median of 2,000 predictions of one row, in microseconds, for each family on ten features: the ONNX form in
ONNX Runtime on one thread, from arrays to an array. The peer is ``predict_proba`` of the fitted pipeline itself, with
the estimator of scikit-learn, XGBoost or LightGBM, on the same row and on one thread. ``ratio`` (peer / ours) is how
many times less ours takes.

Fair because: both are the same fitted model with this project's parameters, warm, in one process and in turn; both
prepare the row themselves; and answers that differ by more than 1e-4 stop the benchmark.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from threadpoolctl import threadpool_limits

from benchmarks.catalog import BenchmarkError, Options
from benchmarks.figure import Figure, compare
from benchmarks.serving_sides import FEATURES, make_contract
from benchmarks.timing import Measure, Tell, interleave
from include.families.discovery import FAMILIES
from include.features.matrix import FeatureMatrix
from include.registry.onnx import NUMERIC, OnnxModel, export_onnx
from include.settings import CONFIG_DIR
from include.settings.models import read_shared
from include.settings.section import check_section
from include.settings.training import TrainingSettings
from include.tasks import TASKS
from include.training.families import build_family

REPETITIONS: Final = 5
CALLS: Final = 2_000
ROWS: Final = 4_000
LIMIT: Final = 1e-4


def measure(options: Options, tell: Tell) -> list[Figure]:
    """Microseconds of both sides for each family of a binary label."""
    figures = []
    for family in list_families():
        ours, peer, check = prepare(family)
        check()
        tell(f"  {family}")
        sides: dict[str, Measure] = {"ONNX Runtime": partial(time_call, ours), "the library": partial(time_call, peer)}
        with threadpool_limits(1):
            found = interleave(sides, options.repetitions or REPETITIONS, tell)
        figures.append(compare(f"one row, {family}", found["ONNX Runtime"], found["the library"], "µs"))
    return figures


def list_families() -> list[str]:
    """Those that are one estimator of a binary label."""
    return [name for name, found in FAMILIES.items() if "binary" in found.tasks and name != "ensemble"]


def prepare(family: str) -> tuple[Callable[[], Any], Callable[[], Any], Callable[[], None]]:
    """Calls of both sides for one row, and a check of their answers to many."""
    import numpy as np

    values = read_shared(CONFIG_DIR / "training.yml").find_values("binary", "development")
    settings = check_section(values, TrainingSettings, "development", "training.yml")
    random = np.random.default_rng(5)
    numeric = random.normal(size=(ROWS, len(FEATURES))).astype(np.float32)
    labels = (numeric[:, 0] - numeric[:, 1] + random.normal(size=ROWS) > 1).astype(np.int64)
    matrix = FeatureMatrix(numeric, np.empty((ROWS, 0), dtype=object), FEATURES, ())
    model = build_family(family, matrix, TASKS["binary"], settings).fit(numeric, labels)
    onnx = OnnxModel(export_onnx(model, make_contract()))

    def check() -> None:
        difference = float(np.abs(onnx.predict(matrix) - model.predict_proba(numeric)[:, 1]).max())
        if difference > LIMIT:
            raise BenchmarkError(f"{family}: the ONNX form answers otherwise, by {difference:.2g}.")

    run, names, row = onnx._session.run, [onnx.task.output_name], {NUMERIC: numeric[:1]}
    return partial(run, names, row), partial(model.predict_proba, numeric[:1]), check


def time_call(call: Callable[[], Any]) -> float:
    """The median of many calls, in microseconds."""
    for _ in range(20):
        call()
    taken = []
    began_at = time.perf_counter()
    for _ in range(CALLS):
        before = time.perf_counter_ns()
        call()
        taken.append(time.perf_counter_ns() - before)
        if time.perf_counter() - began_at > 5 and len(taken) >= 200:
            break  # a forest takes long
    return statistics.median(taken) / 1000
