"""What it costs to judge a candidate: all gates, over 50,000 test rows and as many training rows.

Measured: seconds of all gates of one candidate, one after another, and the greatest memory that the process had, at
three sizes; and the seconds of the slowest gates at the size in the middle. The candidate is a random forest of 100
trees over 24 numbers and two categories as ONNX, the slowest of the families to ask, with two attributes for the gate
on fairness. There is no peer.

Fair because: each size is judged in a process of its own, by every gate, and a gate that measured nothing stops the
benchmark. Left out are the start of a task for each gate (see ``task_overhead``), the warehouse and MLflow: rows and
files are in memory when the clock starts, but not yet arrays.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

from benchmarks.apart import run_apart
from benchmarks.catalog import BenchmarkError, Options
from benchmarks.figure import Figure, state
from benchmarks.timing import Tell

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from include.evaluation.candidate import Candidate
    from include.features.spec import ModelSpec
    from include.governance.upstream import UpstreamTrace
    from include.settings.models import ModelSettings
    from include.warehouse.names import TableName

SIZES: Final = (5_000, 50_000, 500_000)
SHOWN: Final = 50_000
SLOWEST: Final = 4
REPETITIONS: Final = 3
NUMBERS: Final = 24
FAMILY: Final = "random_forest"
TEST_DATE: Final = date(2026, 1, 1)
_HEAD: Final = {
    "description": "measured", "owner": "benchmark", "task": "binary", "label": "labels.is_positive",
    "features": {"groups": ["measured"]}, "trainer": "benchmark",
    "gates": {"fairness": {"attributes": ["site", "kind"]}},
}  # fmt: skip


@dataclass(frozen=True)
class HeldParts:
    """The parts of a candidate, in memory."""

    spec: ModelSpec
    files: Mapping[str, bytes]
    rows: pa.Table

    def find_spec(self) -> ModelSpec:
        """The declaration."""
        return self.spec

    def read_onnx(self, result: Mapping[str, Any]) -> bytes:
        """The file of a family."""
        return self.files[result["family"]]

    def read_rows(self, spec: ModelSpec) -> pa.Table:  # noqa: ARG002
        """The training set."""
        return self.rows

    def list_files(self, result: Mapping[str, Any]) -> Mapping[str, bytes | None]:  # noqa: ARG002
        """What training logs."""
        from include.evaluation.security import KNOWN_FILES

        description = b"flavors: {onnx: {data: model.onnx}, python_function: {loader_module: mlflow.onnx}}"
        return {path: description if path == "MLmodel" else None for path in KNOWN_FILES}

    def trace_upstream(self, tables: Collection[TableName]) -> UpstreamTrace:  # noqa: ARG002
        """One published table behind everything."""
        from include.governance.upstream import UpstreamTrace
        from include.warehouse.names import TableName

        return UpstreamTrace((TableName("raw", "measured"),), ())

    def read_attributes(self, spec: ModelSpec, rows: pa.Table) -> pa.Table:
        """Keys and as-of date alone: both attributes are features."""
        return rows.select(["as_of_date", *spec.entity.key_names])


def measure(options: Options, tell: Tell) -> list[Figure]:
    """Seconds and memory at each size."""
    figures, repetitions = [], options.repetitions or REPETITIONS
    for size in SIZES:
        runs = [run_apart(judge_new, size) for _ in range(repetitions if size == SHOWN else 1)]
        totals = [sum(seconds.values()) for seconds, _ in runs]
        tell(f"  {size:,} test rows: {totals[0]:.1f} s, {runs[0][1]:.0f} MB")
        figures += [
            state(f"{size:,} test rows: all gates", totals, "s"),
            state(f"{size:,} test rows: greatest memory", [peak for _, peak in runs], "MB"),
        ]
        if size == SHOWN:
            slowest = sorted(runs[0][0], key=lambda name: -runs[0][0][name])[:SLOWEST]
            figures += [state(f"- {name}", [seconds[name] for seconds, _ in runs], "s") for name in slowest]
    return figures


def judge_new(size: int) -> dict[str, float]:
    """The seconds of each gate, of a candidate that is made first."""
    return judge(make_candidate(size))


def judge(candidate: Candidate) -> dict[str, float]:
    """The seconds of each gate.

    Raises:
        BenchmarkError: a gate failed, and may have done less work than it does for a good candidate.
    """
    from include.gates.gate import GATES, run_gate

    seconds = {}
    for name in GATES:
        began_at = time.perf_counter()
        answer = run_gate(name, candidate).result
        seconds[name] = time.perf_counter() - began_at
        if answer.observed is None and name not in ("production", "best_ever"):
            raise BenchmarkError(f"The gate {name} measured nothing: {answer.reason}")
    return seconds


def make_candidate(size: int) -> Candidate:
    """A forest that was fitted on 20,000 rows at most, with so many test and training rows."""
    from include.evaluation.candidate import Candidate
    from include.registry.onnx import OnnxModel
    from include.training.fit import measure_family, train_model
    from include.training.splits import read_training_data
    from include.warehouse.frames import from_frame

    model, spec = make_model(), make_spec()
    small = read_training_data(make_frame(min(size, 20_000)), spec, model.training)
    baseline, fitted = (train_model(small, family, spec, model.training) for family in ("baseline", FAMILY))
    results = {
        one.family: measure_family(one, OnnxModel(one.onnx), baseline, small, model.training)
        | {"run_id": one.family, "champion": None, "best_ever": None}
        for one in (baseline, fitted)
    }
    results[FAMILY]["validation"] = {"folds": 1, "scores": [results[FAMILY]["score"]]}
    files = {one.family: one.onnx for one in (baseline, fitted)}
    parts = HeldParts(spec, files, from_frame(make_frame(size)))
    return Candidate(results[FAMILY], results["baseline"], model, parts)


def make_model() -> ModelSettings:
    """The shared settings of a binary model; gates on the score ask for little."""
    from include.settings import CONFIG_DIR, load_settings
    from include.settings.models import build_model, load_shared

    environment = load_settings().environment
    return build_model(CONFIG_DIR / "models" / "measured.yml", dict(_HEAD), load_shared(CONFIG_DIR), environment)


def make_spec() -> ModelSpec:
    """One group of numbers and categories."""
    from include.features.catalog import Entity, Feature, FeatureGroup, Key, LabelTable
    from include.features.spec import ModelSpec
    from include.warehouse.names import TableName

    features = tuple(Feature(f"number_{at}", "numeric", "measured") for at in range(NUMBERS))
    features += tuple(Feature(name, "categorical", "measured") for name in ("site", "kind"))
    entity = Entity("thing", (Key("thing_id", "integer"),))
    table = TableName("features", "measured")
    group = FeatureGroup("measured", "", "benchmark", 1, entity, "as_of_date", table, None, 1, features,
                         {item.name: () for item in features})  # fmt: skip
    label = LabelTable("labels", "", "benchmark", entity, "as_of_date", table, 28, {"is_positive": "binary"})
    return ModelSpec("measured", "binary", entity, label, "is_positive", (group,), features)


def make_frame(size: int) -> pd.DataFrame:
    """So many test and training rows, and a fifth of them for validation; a few numbers decide, some are missing."""
    import numpy as np
    import pandas as pd

    counts = {"train": size, "validation": max(size // 5, 1_000), "test": size}
    rows, dice = sum(counts.values()), np.random.default_rng(7)
    numbers = dice.normal(0, 1, (rows, NUMBERS))
    sites = dice.choice(["north", "south", "west"], rows)
    stress = numbers[:, :5].sum(axis=1) + 0.8 * (sites == "south") + dice.normal(0, 2, rows)
    numbers[dice.random(numbers.shape) < 0.05] = np.nan
    splits = np.repeat(list(counts), list(counts.values()))
    back = {"train": 56, "validation": 28, "test": 0}
    frame = pd.DataFrame(numbers, columns=[f"number_{at}" for at in range(NUMBERS)])
    return frame.assign(
        as_of_date=[TEST_DATE - timedelta(days=back[split]) for split in splits],
        thing_id=np.concatenate([np.arange(count) for count in counts.values()]),
        split=splits, label=(stress > 1.5).astype(np.int64), site=sites, kind=dice.choice(["a", "b"], rows),
    )  # fmt: skip
