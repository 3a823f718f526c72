"""Real ONNX models of the three tasks, and one for each way of being bad."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

from include.features.catalog import Entity, Feature, FeatureKind, GroupTable, Key
from include.features.matrix import FeatureMatrix, split_names
from include.registry.background import attach_background
from include.registry.contract import METADATA_KEY, ModelContract
from include.registry.onnx import OnnxModel, export_onnx
from include.warehouse.names import TableName

SLOW_TURNS = 500_000
FEATURES = ("days_idle", "starts_28d", "load_28d")
ZONES = ("north", "south", "west")
MACHINE: Final = Entity("machine", (Key("machine_id", "integer"),))


def make_group(name: str) -> GroupTable:
    """A feature group with an online table."""
    return GroupTable(name, TableName("features", name), TableName("online", f"{name}_latest"), "as_of_date", 1)


def make_contract(**changes: Any) -> ModelContract:
    """The binary model of these tests, or a change of it."""
    kinds: dict[str, FeatureKind] = changes.pop("kinds", dict.fromkeys(FEATURES, "numeric"))
    group = changes.pop("group", make_group("machine_load"))
    content: dict[str, Any] = {
        "model": "failures",
        "task": "binary",
        "entity": MACHINE,
        "label": "failed",
        "groups": (group,),
        "features": tuple(Feature(name, kind, group.name) for name, kind in kinds.items()),
        "decision": {"threshold": 0.5},
        "test_as_of_date": date(2026, 1, 1),
        "horizon_days": 28,
    }
    return ModelContract(**content | changes)


UNITS: Final = make_contract(
    model="units",
    task="regression",
    entity=Entity("site_part", (Key("site_id", "integer"), Key("part", "text"))),
    label="units",
    group=make_group("part_stock"),
    kinds={"zone": "categorical", "stock": "numeric", "is_open": "boolean"},
    decision={},
)
GRADE: Final = make_contract(
    model="grade",
    task="multiclass",
    entity=Entity("sensor", (Key("sensor_id", "uuid"), Key("since", "date"))),
    label="grade",
    group=make_group("sensor_state"),
    kinds={"temperature": "numeric"},
    decision={"classes": ["high", "low", "medium"]},
)


def write_all(folder: Path) -> None:
    """Every file of this module."""
    write_binary(folder)
    write_units(folder / "units.onnx")
    write_grade(folder / "grade.onnx")
    (folder / "corrupt.onnx").write_bytes(b"this is no model")
    write_timed(folder)
    write_raising(folder / "raising.onnx")
    write_slow(folder / "slow.onnx", SLOW_TURNS)
    write_slow(folder / "slowish.onnx", 10_000)
    write_slow(folder / "patient.onnx", 40_000)
    for name in ("good", "patient", "nan", "units", "grade"):
        add_background(folder / f"{name}.onnx")


def add_background(path: Path) -> None:
    """Two rows to compare with; ``other`` is a version of an earlier release, which has none."""
    numeric, categorical = split_names(OnnxModel(path).contract.features)
    rows = FeatureMatrix(
        np.array([[0.0] * len(numeric), [20.0] * len(numeric)], dtype=np.float32),
        np.array([["north"] * len(categorical), [""] * len(categorical)], dtype=object).reshape(2, -1),
        numeric, categorical,
    )  # fmt: skip
    path.write_bytes(attach_background(path.read_bytes(), rows))


def write_binary(folder: Path) -> None:
    """``good`` and ``other`` predict well; ``inverted`` the contrary; ``nan`` answers no number.

    ``wider`` needs a feature that ``good`` does not; ``keyed`` is asked by another key.
    """
    random = np.random.default_rng(7)
    rows = random.uniform(0, 50, size=(400, len(FEATURES))).astype(np.float32)
    failed = rows[:, 0] + random.normal(0, 10, 400) > 35
    wider = dict.fromkeys(("days_idle", "starts_28d", "visits_7d"), "numeric")
    contracts = {
        "wider": make_contract(kinds=wider),
        "keyed": make_contract(entity=Entity("engine", (Key("engine_id", "integer"),))),
    }
    for name in ("good", "other", "nan", "inverted", "wider", "keyed"):
        model = make_pipeline(SimpleImputer(), LogisticRegression())
        seen = slice(0, 300) if name == "other" else slice(0, 400)
        model.fit(rows[seen], ~failed[seen] if name == "inverted" else failed[seen])
        if name == "nan":
            model[-1].coef_[:] = np.nan
        contract = contracts.get(name, make_contract())
        (folder / f"{name}.onnx").write_bytes(export_onnx(model, contract))


def write_units(path: Path) -> None:
    """10 a unit of stock, 100 when open, and 1,000 in the south; a zone that it never saw counts as a quarter south."""
    rows = [(stock, is_open, zone) for stock in range(5) for is_open in (0, 1) for zone in ("", *ZONES)]
    inputs = np.array(rows, dtype=object)
    units = [10 * stock + 100 * is_open + 1000 * (zone == "south") for stock, is_open, zone in rows]
    transform = ColumnTransformer(
        [("numeric", SimpleImputer(), [0, 1]), ("categorical", OneHotEncoder(handle_unknown="ignore"), [2])]
    )
    path.write_bytes(export_onnx(Pipeline([("t", transform), ("e", Ridge(alpha=1e-6))]).fit(inputs, units), UNITS))


def write_grade(path: Path) -> None:
    """``low`` below 10 degrees, ``high`` above 20, ``medium`` in between."""
    degrees = np.linspace(0, 30, 301, dtype=np.float32)[:, None]
    grades = np.select([degrees[:, 0] < 10, degrees[:, 0] > 20], [1, 0], 2)
    path.write_bytes(export_onnx(make_pipeline(SimpleImputer(), LogisticRegression()).fit(degrees, grades), GRADE))


def _write_graph(path: Path, nodes: list[Any], constants: list[Any]) -> None:
    graph = helper.make_graph(
        nodes,
        "failures",
        [helper.make_tensor_value_info("numeric", TensorProto.FLOAT, [None, len(FEATURES)])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])],
        initializer=constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, make_contract().to_json()
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def write_timed(folder: Path) -> None:
    """``timed`` is ``good`` with a key type that this release does not know."""
    model = onnx.load(folder / "good.onnx")
    entry = next(entry for entry in model.metadata_props if entry.key == METADATA_KEY)
    entry.value = entry.value.replace('"integer"', '"timestamp"')
    (folder / "timed.onnx").write_bytes(model.SerializeToString())


def write_raising(path: Path) -> None:
    """Answers rows of zeros only: the first feature is an index into a table of one row."""
    table = numpy_helper.from_array(np.array([[0.5, 0.5]], dtype=np.float32), "table")
    first = numpy_helper.from_array(np.array(0, dtype=np.int64), "first")
    nodes = [
        helper.make_node("Gather", ["numeric", "first"], ["column"], axis=1),
        helper.make_node("Cast", ["column"], ["index"], to=TensorProto.INT64),
        helper.make_node("Gather", ["table", "index"], ["probabilities"], axis=0),
    ]
    _write_graph(path, nodes, [table, first])


def write_slow(path: Path, turns: int) -> None:
    """Answers 0.5, after a loop; of many turns, it takes much longer than a challenger is given."""
    state = helper.make_tensor_value_info("state", TensorProto.FLOAT, [None, 2])
    body = helper.make_graph(
        [
            helper.make_node("Tanh", ["state"], ["next_state"]),
            helper.make_node("Identity", ["condition"], ["next_condition"]),
        ],
        "turn",
        [
            helper.make_tensor_value_info("turn_number", TensorProto.INT64, []),
            helper.make_tensor_value_info("condition", TensorProto.BOOL, []),
            state,
        ],
        [
            helper.make_tensor_value_info("next_condition", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next_state", TensorProto.FLOAT, [None, 2]),
        ],
    )
    constants = [
        numpy_helper.from_array(np.zeros((len(FEATURES), 2), dtype=np.float32), "zeros"),
        numpy_helper.from_array(np.array(turns, dtype=np.int64), "turns"),
        numpy_helper.from_array(np.array(True), "go_on"),
    ]
    nodes = [
        helper.make_node("MatMul", ["numeric", "zeros"], ["start"]),
        helper.make_node("Loop", ["turns", "go_on", "start"], ["end"], body=body),
        helper.make_node("Softmax", ["end"], ["probabilities"], axis=1),
    ]
    _write_graph(path, nodes, constants)


def list_names(features: Sequence[Feature]) -> list[str]:
    """The names of features."""
    return [feature.name for feature in features]
