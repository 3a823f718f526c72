"""Candidates of machines, trained for real, with their served form and their training set at hand."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from include.evaluation.candidate import Candidate
from include.features.spec import ModelSpec
from include.governance.upstream import UpstreamTrace
from include.registry.onnx import OnnxModel
from include.settings.models import ModelSettings, TaskName
from include.training.fit import measure_family, train_model
from include.training.splits import read_training_data
from include.warehouse.frames import from_frame
from include.warehouse.names import TableName
from tests.model.machines import make_frame, make_model, make_spec

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

FAMILY = "gradient_boosting"
MACHINES = 1500


FOLDER: dict[str, bytes | None] = {
    "MLmodel": b"flavors: {onnx: {data: model.onnx, code: null}, python_function: {loader_module: mlflow.onnx}}",
    "conda.yaml": None, "model.onnx": None, "python_env.yaml": None, "requirements.txt": None,
    "input_example.json": None, "serving_input_example.json": None,
}  # fmt: skip
UPSTREAM = UpstreamTrace((TableName("raw", "readings"),), ())


@dataclass(frozen=True)
class HeldCandidate:
    """The parts of a candidate; ``asked`` says which of them were read."""

    spec: ModelSpec
    files: Mapping[str, bytes]
    rows: pa.Table
    attributes: pa.Table | None = None
    folder: Mapping[str, bytes | None] = field(default_factory=lambda: FOLDER)
    upstream: UpstreamTrace = field(default_factory=lambda: UPSTREAM)
    asked: list[str] = field(default_factory=list)

    def find_spec(self) -> ModelSpec:
        self.asked.append("spec")
        return self.spec

    def read_onnx(self, result: Mapping[str, Any]) -> bytes:
        self.asked.append("onnx")
        return self.files[result["family"]]

    def list_files(self, result: Mapping[str, Any]) -> Mapping[str, bytes | None]:
        self.asked.append("files")
        return self.folder

    def trace_upstream(self, tables: Collection[TableName]) -> UpstreamTrace:
        self.asked.append("lineage")
        return self.upstream

    def read_rows(self, spec: ModelSpec) -> pa.Table:
        self.asked.append("rows")
        return self.rows

    def read_attributes(self, spec: ModelSpec, rows: pa.Table) -> pa.Table:
        assert self.attributes is not None
        self.asked.append("attributes")
        return self.attributes


def change_gates(model: ModelSettings, **changed: dict[str, Any]) -> ModelSettings:
    """A model with other settings of some gates."""
    gates = model.gates
    updates = {name: getattr(gates, name).model_copy(update=values) for name, values in changed.items()}
    return model.model_copy(update={"gates": gates.model_copy(update=updates)})


def declare(task: TaskName) -> ModelSettings:
    """A model of machines whose paint is to make no difference."""
    return change_gates(make_model(task), fairness={"attributes": ("paint",)}, robustness={"max_rows": 1000})


def simulate(task: TaskName, machines: int = MACHINES) -> pd.DataFrame:
    """A training set; for regression with labels around 0, so that a bias may be large and cost little score."""
    frame = make_frame(task, machines)
    return frame.assign(label=frame["label"] - 12.0) if task == "regression" else frame


def train_candidate(
    task: TaskName, frame: pd.DataFrame, family: str = FAMILY, spec: ModelSpec | None = None, **replaced: Any
) -> Candidate:
    """Fit the family and the baseline on a training set, and measure them as training does.

    Args:
        replaced: fields of the result.
    """
    model, spec = declare(task), spec or make_spec(task)
    data = read_training_data(frame, spec, model.training)
    baseline = train_model(data, "baseline", spec, model.training)
    fitted = train_model(data, family, spec, model.training)
    results = {
        one.family: measure_family(one, OnnxModel(one.onnx), baseline, data, model.training)
        | {"run_id": f"run-{one.family}", "feature_set": None, "champion": None, "best_ever": None}
        for one in (baseline, fitted)
    }
    result = results[family]
    result["validation"] = {"folds": 2, "scores": [result["score"], result["score"] - 0.01]}
    source = HeldCandidate(spec, {baseline.family: baseline.onnx, family: fitted.onnx}, from_frame(frame))
    return Candidate(result | replaced, results["baseline"], model, source)


@cache
def train_good(task: TaskName) -> Candidate:
    """A candidate that passes every gate."""
    return train_candidate(task, simulate(task))


def vary(
    candidate: Candidate, *, model: ModelSettings | None = None, files: Mapping[str, bytes] | None = None,
    rows: pa.Table | None = None, spec: ModelSpec | None = None, folder: Mapping[str, bytes | None] | None = None,
    upstream: UpstreamTrace | None = None, **replaced: Any,
) -> Candidate:  # fmt: skip
    """The same candidate with other settings, files or rows, or other fields of its result."""
    held = candidate.source
    assert isinstance(held, HeldCandidate)
    source = HeldCandidate(
        spec or held.spec, {**held.files, **(files or {})}, held.rows if rows is None else rows, held.attributes,
        held.folder if folder is None else folder, upstream or held.upstream,
    )  # fmt: skip
    return Candidate(candidate.result | replaced, candidate.baseline, model or candidate.model, source)
