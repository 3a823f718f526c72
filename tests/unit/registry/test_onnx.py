"""What follows the convention is served; what does not is refused with its fault named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from include.errors import ParityError, ServingError
from include.registry.onnx import OnnxModel, export_onnx, measure_parity

ROWS = np.array([[0.5, -1.0, 0.1], [np.nan, 2.0, 0.0], [-3.0, 0.0, np.nan]], dtype=np.float32)


def make_onnx(input_name: str = "features", output_name: str = "probabilities", **changes: Any) -> bytes:
    """A one-node model; by default it follows the convention for two features."""
    kind = changes.get("kind", TensorProto.FLOAT)
    shape_in, shape_out = changes.get("shape_in", ["n", 2]), changes.get("shape_out", ["n", 2])
    graph = helper.make_graph(
        [helper.make_node(changes.get("operator", "Identity"), [input_name], [output_name])],
        "test",
        [helper.make_tensor_value_info(input_name, kind, shape_in)],
        [helper.make_tensor_value_info(output_name, kind, shape_out)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return bytes(model.SerializeToString())


def test_an_exported_model_answers_like_the_model_also_with_missing_values(classifier: Any, onnx_bytes: bytes) -> None:
    answers = OnnxModel(onnx_bytes).predict(ROWS)
    assert answers.dtype == np.float32
    assert answers.shape == (3,)
    np.testing.assert_allclose(answers, classifier.predict_proba(ROWS)[:, 1], atol=1e-6)


def test_a_model_loads_from_a_file_and_takes_double_precision(onnx_bytes: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(onnx_bytes)
    model = OnnxModel(path)
    np.testing.assert_array_equal(model.predict(ROWS.astype(np.float64)), model.predict(ROWS))


def test_no_rows_give_no_answers(onnx_bytes: bytes) -> None:
    assert OnnxModel(onnx_bytes).predict(ROWS[:0]).shape == (0,)


def test_the_exported_file_holds_one_input_and_one_output_of_the_declared_shape(onnx_bytes: bytes) -> None:
    graph = onnx.load_model_from_string(onnx_bytes).graph
    assert [item.name for item in graph.input] == ["features"]
    assert [item.name for item in graph.output] == ["probabilities"]
    assert graph.output[0].type.tensor_type.shape.dim[1].dim_value == 2


def test_a_classifier_without_an_onnx_form_is_refused_with_its_name() -> None:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.pipeline import make_pipeline

    class HomeMade(ClassifierMixin, BaseEstimator):
        def fit(self, rows: Any, labels: Any) -> HomeMade:
            self.classes_ = np.unique(labels)
            return self

    model = make_pipeline(HomeMade()).fit(np.zeros((4, 3), dtype=np.float32), [0, 1, 0, 1])
    with pytest.raises(ServingError, match="HomeMade has no ONNX form"):
        export_onnx(model, 3)


@pytest.mark.parametrize(
    ("model", "fault"),
    [
        (make_onnx(input_name="X"), r"inputs are \['X'\], expected \['features'\]"),
        (make_onnx(output_name="label"), r"outputs are \['label'\], expected \['probabilities'\]"),
        (make_onnx(kind=TensorProto.DOUBLE), r"input 'features' is tensor\(double\)"),
        (make_onnx(shape_in=["n", "m"], shape_out=["n", "m"]), "expected float32"),
        (
            make_onnx(shape_in=["n", 3], shape_out=["n", 3]),
            r"output 'probabilities' is tensor\(float\) \['n', 3\]",
        ),
    ],
    ids=["input name", "output name", "type", "open width", "output width"],
)
def test_a_model_that_breaks_the_convention_is_refused_with_the_fault_named(model: bytes, fault: str) -> None:
    with pytest.raises(ServingError, match=fault):
        OnnxModel(model)


def test_the_example_of_the_convention_itself_is_accepted() -> None:
    assert OnnxModel(make_onnx()).n_features == 2


def test_a_file_that_is_no_onnx_is_refused_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"\x80\x04 this is no model")
    with pytest.raises(ServingError, match=r"model\.onnx is no ONNX model"):
        OnnxModel(path)


@pytest.mark.parametrize(
    "rows",
    [np.zeros((2, 2), np.float32), np.zeros(3, np.float32), np.zeros((2, 3), np.int64), np.full((1, 3), "a")],
    ids=["too narrow", "one dimension", "integers", "text"],
)
def test_rows_of_another_shape_or_type_are_refused(onnx_bytes: bytes, rows: Any) -> None:
    with pytest.raises(ServingError, match=r"takes floats of shape \[n, 3\]"):
        OnnxModel(onnx_bytes).predict(rows)


def test_parity_is_the_largest_difference(classifier: Any, onnx_bytes: bytes) -> None:
    expected = classifier.predict_proba(ROWS)[:, 1]
    expected[1] += 5e-5
    found = measure_parity("churn", expected, OnnxModel(onnx_bytes), ROWS, limit=1e-4)
    assert found == pytest.approx(5e-5, abs=1e-6)


@pytest.mark.parametrize("wrong", [0.25, np.nan], ids=["off", "not a number"])
def test_a_difference_above_the_limit_names_model_and_row(classifier: Any, onnx_bytes: bytes, wrong: float) -> None:
    expected = classifier.predict_proba(ROWS)[:, 1]
    expected[2] = wrong
    with pytest.raises(ParityError, match=r"random_forest: .*row 2 of 3"):
        measure_parity("random_forest", expected, OnnxModel(onnx_bytes), ROWS, limit=1e-4)
