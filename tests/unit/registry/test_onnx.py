"""What follows the convention and its own contract is served; what does not is refused with its fault named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from include.errors import ServingError, SourceError
from include.features.catalog import Feature
from include.features.matrix import FeatureMatrix, from_rows
from include.registry.contract import METADATA_KEY
from include.registry.onnx import OnnxModel, export_onnx, measure_parity
from tests.unit.registry.conftest import CONTRACT, FEATURES

NUMBERS = np.array([[0.5, 1.0, 0.1], [np.nan, 0.0, 0.0], [-3.0, 0.0, np.nan]], dtype=np.float32)
NO_TEXTS = np.empty((3, 0), dtype=object)
ROWS = FeatureMatrix(NUMBERS, NO_TEXTS, ("wear", "is_covered", "uses"), ())
LABELS = np.array([0, 1, 1])


def make_onnx(input_name: str = "numeric", output_name: str = "probabilities", **changes: Any) -> bytes:
    """A one-node model; by default it follows the convention for two features."""
    kind = changes.get("kind", TensorProto.FLOAT)
    graph = helper.make_graph(
        [helper.make_node("Identity", [input_name], [output_name])],
        "test",
        [helper.make_tensor_value_info(input_name, kind, ["n", changes.get("width", 2)])],
        [helper.make_tensor_value_info(output_name, kind, ["n", changes.get("width", 2)])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    if changes.get("has_contract", True):
        entry = model.metadata_props.add()
        entry.key = METADATA_KEY
        entry.value = replace(CONTRACT, features=FEATURES[:2], **changes.get("contract", {})).to_json()
    return bytes(model.SerializeToString())


def test_an_exported_model_answers_like_the_model_also_with_missing_values(classifier: Any, onnx_bytes: bytes) -> None:
    answers = OnnxModel(onnx_bytes).predict(ROWS)
    assert answers.dtype == np.float32
    np.testing.assert_allclose(answers, classifier.predict_proba(NUMBERS)[:, 1], atol=1e-6)


def test_a_file_carries_its_contract(onnx_bytes: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(onnx_bytes)
    assert OnnxModel(path).contract == CONTRACT


def test_features_are_found_by_name_among_others_and_in_any_order(onnx_bytes: bytes) -> None:
    names = ("further", "uses", "is_covered", "wear")
    wider = FeatureMatrix(np.column_stack([[9, 9, 9], NUMBERS[:, ::-1]]).astype(np.float32), NO_TEXTS, names, ())
    model = OnnxModel(onnx_bytes)
    np.testing.assert_array_equal(model.predict(wider), model.predict(ROWS))
    with pytest.raises(SourceError, match="wear"):
        model.predict(FeatureMatrix(NUMBERS, NO_TEXTS, ("a", "b", "c"), ()))


def test_no_rows_give_no_answers(onnx_bytes: bytes) -> None:
    assert OnnxModel(onnx_bytes).predict(ROWS.take(slice(0, 0))).shape == (0,)


def test_the_exported_file_holds_one_output_of_the_declared_shape(onnx_bytes: bytes) -> None:
    graph = onnx.load_model_from_string(onnx_bytes).graph
    assert [item.name for item in graph.input] == ["numeric"]
    assert [item.name for item in graph.output] == ["probabilities"]
    assert graph.output[0].type.tensor_type.shape.dim[1].dim_value == 2


def test_a_forecast_of_texts_alone_has_one_input_and_one_column() -> None:
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    texts = np.array([["red"], ["blue"], ["red"], [""]], dtype=object)
    model = make_pipeline(OneHotEncoder(handle_unknown="ignore", sparse_output=False), Ridge()).fit(texts, [3, 1, 3, 2])
    features = (Feature("colour", "categorical", "machine_features"),)
    contract = replace(CONTRACT, task="regression", features=features, decision={})
    loaded = OnnxModel(export_onnx(model, contract))
    rows = from_rows([{"colour": "red"}, {"colour": None}, {"colour": "new"}], features)
    np.testing.assert_allclose(loaded.predict(rows), model.predict(rows.categorical), atol=1e-6)


def test_an_estimator_without_an_onnx_form_is_refused_with_its_name() -> None:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.pipeline import make_pipeline

    class HomeMade(ClassifierMixin, BaseEstimator):
        def fit(self, rows: Any, labels: Any) -> HomeMade:
            self.classes_ = np.unique(labels)
            return self

    model = make_pipeline(HomeMade()).fit(np.zeros((4, 3), dtype=np.float32), [0, 1, 0, 1])
    with pytest.raises(ServingError, match="HomeMade has no ONNX form"):
        export_onnx(model, CONTRACT)


@pytest.mark.parametrize(
    ("model", "fault"),
    [
        (make_onnx(input_name="X"), "inputs are .*'X'"),
        (make_onnx(output_name="label"), "outputs are .*'label'"),
        (make_onnx(kind=TensorProto.DOUBLE), r"inputs are .*tensor\(double\)"),
        (make_onnx(width=3), "inputs are .*3.*, expected .*2"),
        (make_onnx(width="m"), "inputs are .*'m'"),
        (make_onnx(contract={"task": "regression", "decision": {}}), "outputs are .*expected .*'prediction'"),
        (
            make_onnx(contract={"task": "multiclass", "decision": {"classes": ["a", "b", "c"]}}),
            "outputs are .*, 2.*, 3",
        ),
        (make_onnx(has_contract=False), "holds no contract"),
    ],
    ids=["input name", "output name", "type", "width", "open width", "task", "classes", "no contract"],
)
def test_a_model_that_breaks_the_convention_is_refused_with_the_fault_named(model: bytes, fault: str) -> None:
    with pytest.raises(ServingError, match=fault):
        OnnxModel(model)


def test_the_example_of_the_convention_itself_is_accepted() -> None:
    assert OnnxModel(make_onnx()).contract.feature_names == ("wear", "is_covered")


def test_a_file_that_is_no_onnx_is_refused_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"\x80\x04 this is no model")
    with pytest.raises(ServingError, match=r"model\.onnx is no ONNX model"):
        OnnxModel(path)


def test_parity_is_the_largest_difference_and_refuses_nothing(classifier: Any, onnx_bytes: bytes) -> None:
    expected = classifier.predict_proba(NUMBERS)[:, 1]
    expected[1] += 0.25
    found = measure_parity(expected, OnnxModel(onnx_bytes), ROWS, LABELS)
    assert found == pytest.approx(0.25, abs=1e-6)


def test_what_is_no_number_is_infinitely_far_away(classifier: Any, onnx_bytes: bytes) -> None:
    expected = classifier.predict_proba(NUMBERS)[:, 1]
    expected[2] = np.nan
    assert measure_parity(expected, OnnxModel(onnx_bytes), ROWS, LABELS) == np.inf
