"""Real ONNX models: two good ones, and one for each way of being bad."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from include.registry.onnx import export_onnx

SLOW_TURNS = 500_000
FEATURES = ("days_since_purchase", "baskets_28d", "spend_28d")


def write_all(folder: Path) -> None:
    """Every file of this module."""
    write_regressions(folder)
    (folder / "corrupt.onnx").write_bytes(b"this is no model")
    write_raising(folder / "raising.onnx")
    write_slow(folder / "slow.onnx")


def write_regressions(folder: Path) -> None:
    """``good`` and ``other`` predict well; ``inverted`` the contrary; ``nan`` answers no number."""
    random = np.random.default_rng(7)
    rows = random.uniform(0, 50, size=(400, len(FEATURES))).astype(np.float32)
    churned = rows[:, 0] + random.normal(0, 10, 400) > 35
    for name in ("good", "other", "nan", "inverted"):
        model = make_pipeline(SimpleImputer(), LogisticRegression())
        seen = slice(0, 300) if name == "other" else slice(0, 400)
        model.fit(rows[seen], ~churned[seen] if name == "inverted" else churned[seen])
        if name == "nan":
            model[-1].coef_[:] = np.nan
        (folder / f"{name}.onnx").write_bytes(export_onnx(model, len(FEATURES)))


def _write_graph(path: Path, nodes: list[Any], constants: list[Any]) -> None:

    graph = helper.make_graph(
        nodes,
        "churn",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, len(FEATURES)])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])],
        initializer=constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def write_raising(path: Path) -> None:
    """Answers rows of zeros only: the first feature is an index into a table of one row."""

    table = numpy_helper.from_array(np.array([[0.5, 0.5]], dtype=np.float32), "table")
    first = numpy_helper.from_array(np.array(0, dtype=np.int64), "first")
    nodes = [
        helper.make_node("Gather", ["features", "first"], ["column"], axis=1),
        helper.make_node("Cast", ["column"], ["index"], to=TensorProto.INT64),
        helper.make_node("Gather", ["table", "index"], ["probabilities"], axis=0),
    ]
    _write_graph(path, nodes, [table, first])


def write_slow(path: Path) -> None:
    """Answers 0.5, after a loop that takes much longer than a challenger is given."""
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
        numpy_helper.from_array(np.array(SLOW_TURNS, dtype=np.int64), "turns"),
        numpy_helper.from_array(np.array(True), "go_on"),
    ]
    nodes = [
        helper.make_node("MatMul", ["features", "zeros"], ["start"]),
        helper.make_node("Loop", ["turns", "go_on", "start"], ["end"], body=body),
        helper.make_node("Softmax", ["end"], ["probabilities"], axis=1),
    ]
    _write_graph(path, nodes, constants)
