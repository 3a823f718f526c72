"""What an artifact holds besides a computation is found without running any of it."""

from __future__ import annotations

import pickle

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from include.errors import ServingError
from include.evaluation.security import find_loaders, find_strange_files, inspect_onnx
from include.registry.files import list_files
from include.registry.onnx import OnnxModel
from tests.model.candidates import FOLDER, train_good
from tests.unit.registry.conftest import (
    MakeResult,
    classifier,
    make_result,
    mlflow_server,
    model_name,
    onnx_bytes,
    tracking_uri,
)

__all__ = ["classifier", "make_result", "mlflow_server", "model_name", "onnx_bytes", "tracking_uri"]


def good_model() -> onnx.ModelProto:
    good = train_good("binary")
    return onnx.load_model_from_string(good.source.read_onnx(good.result))


def test_what_training_logs_holds_nothing_else(tracking_uri: str, make_result: MakeResult, onnx_bytes: bytes) -> None:
    files = list_files(tracking_uri, make_result()["model_uri"])
    assert set(files) == set(FOLDER)
    assert find_strange_files(files) == []
    assert find_loaders(files["MLmodel"] or b"") == []
    assert inspect_onnx(onnx_bytes) == []


@pytest.mark.parametrize(
    "path", ["model.pkl", "code/evil.py", "../model.onnx", "/etc/passwd", "model.onnx.data", "MLmodel/x", ".."]
)
def test_every_other_file_is_named(path: str) -> None:
    assert find_strange_files([*FOLDER, path]) == [f"the file {path!r}"]


@pytest.mark.parametrize(
    ("description", "found"),
    [
        (b"flavors: {sklearn: {pickled_model: model.pkl}}", ["the flavor 'sklearn'"]),
        (b"flavors: {python_function: {loader_module: mlflow.pyfunc.model}}", ["the loader 'mlflow.pyfunc.model'"]),
        (b"flavors: {python_function: {loader_module: mlflow.onnx, code: code}}", ["the code 'code'"]),
        (b"", ["an MLmodel that cannot be read"]),
        (b"flavors: [1", ["an MLmodel that cannot be read"]),
        (b"!!python/object/apply:os.system ['false']", ["an MLmodel that cannot be read"]),
        (b"flavors: {onnx: 3}", ["an MLmodel that cannot be read"]),
    ],
)
def test_whatever_else_would_load_it_is_named(description: bytes, found: list[str]) -> None:
    assert find_loaders(description) == found


def test_operators_of_somebodys_own_are_found_in_branches_too() -> None:
    model = good_model()
    shell = helper.make_node("Shell", [], ["never"], domain="com.example")
    value = helper.make_tensor_value_info("never", onnx.TensorProto.FLOAT, [1])
    branch = helper.make_graph([shell], "branch", [], [value])
    model.graph.node.append(helper.make_node("If", ["condition"], ["x"], then_branch=branch, else_branch=branch))
    assert inspect_onnx(model.SerializeToString()) == ["the operator com.example.Shell"]


def test_functions_of_the_models_own_and_data_elsewhere_are_found() -> None:
    model = good_model()
    function = helper.make_function("com.example", "Run", [], [], [], [helper.make_opsetid("", 21)])
    model.functions.append(function)
    tensor = numpy_helper.from_array(np.zeros(2, dtype=np.float32), "far")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    model.graph.node.append(helper.make_node("Constant", [], ["c"], value=tensor))
    assert inspect_onnx(model.SerializeToString()) == [
        "the function com.example.Run", "data outside of the file: far",
    ]  # fmt: skip


@pytest.mark.parametrize("content", [b"", b"no model", pickle.dumps({"a": 1})])
def test_what_is_no_model_is_never_unpickled_and_never_served(content: bytes) -> None:
    assert content == b"" or inspect_onnx(content)[0].startswith("a file that is no ONNX model")
    with pytest.raises(ServingError, match="is no ONNX model"):
        OnnxModel(content)


@pytest.mark.parametrize("is_external", [True, False], ids=["external data", "a custom operator"])
def test_the_model_server_opens_no_such_file_either(is_external: bool) -> None:
    model = good_model()
    if is_external:
        tensor = numpy_helper.from_array(np.zeros(2, dtype=np.float32), "far")
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        entry = tensor.external_data.add()
        entry.key, entry.value = "location", "../../../../etc/hostname"
        model.graph.initializer.append(tensor)
        model.graph.node.append(helper.make_node("Identity", ["far"], ["out"]))
        model.graph.output.append(helper.make_tensor_value_info("out", onnx.TensorProto.FLOAT, [2]))
    else:
        model.graph.node.append(helper.make_node("Shell", [], ["never"], domain="com.example"))
    with pytest.raises(ServingError, match="is no ONNX model that can be loaded"):
        OnnxModel(model.SerializeToString())
