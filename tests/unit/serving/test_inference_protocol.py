"""What tensors become, and what answers become as tensors."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from include.registry.contract import ModelContract
from include.serving.inference_protocol import InferenceRequest, format_inference, parse_inference
from include.serving.refusal import RequestRefusedError
from tests.unit.serving.onnx_files import GRADE, UNITS, make_contract

ROWS = [{"zone": "süd", "stock": 2.0, "is_open": False}, {"zone": "", "stock": 3.5, "is_open": True}]
TEXTS = b"\x04\0\0\0s\xc3\xbcd\0\0\0\0"
YES = {"prediction": True, "probability": 0.75, "model_version": 3}


def make_tensor(name: str, datatype: str, **rest: Any) -> dict[str, Any]:
    """An input of two rows."""
    return {"name": name, "datatype": datatype, "shape": [2], **rest}


def parse(body: dict[str, Any], tail: bytes = b"", contract: ModelContract = UNITS) -> InferenceRequest:
    """Parse a body whose JSON is followed by bytes, if there are any."""
    text = json.dumps(body).encode()
    return parse_inference(text + tail, len(text) if tail else None, contract, 1000)


def test_json_and_bytes_give_the_same_rows() -> None:
    plain = [
        make_tensor("zone", "BYTES", data=["süd", ""]),
        make_tensor("stock", "FP32", data=[[2.0], [3.5]]) | {"shape": [2, 1]},
        make_tensor("is_open", "BOOL", data=[False, True]),
    ]
    stock = np.array([2.0, 3.5], dtype="<f4").tobytes()
    binary = [
        make_tensor("zone", "BYTES", parameters={"binary_data_size": len(TEXTS)}),
        plain[1] | {"data": None, "parameters": {"binary_data_size": len(stock)}},
        make_tensor("is_open", "BOOL", data=[False, True]),
    ]
    for asked in (parse({"inputs": plain}), parse({"inputs": binary}, TEXTS + stock)):
        assert [request.features for request in asked.requests] == ROWS
        assert asked.outputs == {"prediction": False}
        assert asked.request_id is None


@pytest.mark.parametrize(
    ("datatype", "kind"),
    [("INT8", "<i1"), ("INT16", "<i2"), ("INT32", "<i4"), ("INT64", "<i8"), ("UINT8", "<u1"), ("UINT16", "<u2"),
     ("UINT32", "<u4"), ("UINT64", "<u8"), ("FP16", "<f2"), ("FP32", "<f4"), ("FP64", "<f8")],
)  # fmt: skip
def test_every_datatype_of_numbers_is_read(datatype: str, kind: str) -> None:
    content = np.array([7, 100], dtype=kind).tobytes()
    tensor = make_tensor("days_idle", datatype, parameters={"binary_data_size": len(content)})
    asked = parse({"inputs": [tensor]}, content, make_contract())
    assert [request.features for request in asked.requests] == [{"days_idle": 7}, {"days_idle": 100}]


def test_a_value_that_is_undefined_is_null_in_json() -> None:
    asked = parse({"inputs": [make_tensor("stock", "FP64", data=[None, 1])]})
    assert [request.features for request in asked.requests] == [{"stock": None}, {"stock": 1}]


def test_inputs_of_key_columns_alone_are_asked_by_key() -> None:
    asked = parse(
        {"inputs": [make_tensor("site_id", "INT64", data=[3, 4]), make_tensor("part", "BYTES", data=["bolt", "nut"])]}
    )
    assert [request.keys for request in asked.requests] == [
        {"site_id": 3, "part": "bolt"},
        {"site_id": 4, "part": "nut"},
    ]


@pytest.mark.parametrize(
    ("more", "outputs"),
    [
        ({}, {"prediction": False, "probability": False}),
        ({"parameters": {"binary_data_output": True}}, {"prediction": True, "probability": True}),
        ({"outputs": [{"name": "probability"}]}, {"probability": False}),
        ({"outputs": [{"name": "probability", "parameters": {"binary_data": True}}]}, {"probability": True}),
        ({"outputs": [{"name": "prediction", "parameters": {"binary_data": False}}],
          "parameters": {"binary_data_output": True}}, {"prediction": False}),
        ({"parameters": {"priority": 3, "timeout": 100}}, {"prediction": False, "probability": False}),
    ],
)  # fmt: skip
def test_outputs_are_those_that_are_asked_for(more: dict[str, Any], outputs: dict[str, bool]) -> None:
    tensor = make_tensor("machine_id", "INT64", data=[7, 8])
    asked = parse({"inputs": [tensor], "id": "mine", **more}, contract=make_contract())
    assert (asked.outputs, asked.request_id) == (outputs, "mine")


def test_the_answers_are_tensors_of_the_task() -> None:
    asked = InferenceRequest([], None, {"probability": False, "prediction": False})
    body, json_bytes = format_inference(asked, "mine", make_contract(), [YES, YES])
    assert json_bytes is None
    assert json.loads(body) == {
        "model_name": "failures",
        "model_version": "3",
        "id": "mine",
        "outputs": [
            {"name": "probability", "datatype": "FP64", "shape": [2], "data": [0.75, 0.75]},
            {"name": "prediction", "datatype": "BOOL", "shape": [2], "data": [True, True]},
        ],
    }


def test_binary_answers_follow_the_json_in_the_order_of_the_outputs() -> None:
    answer = {
        "prediction": "süd",
        "probabilities": {"high": 0.1, "low": 0.7, "medium": 0.2},
        "model_version": 3,
    }
    asked = InferenceRequest([], None, {"prediction": True, "probabilities": True})
    body, json_bytes = format_inference(asked, "mine", GRADE, [answer])
    assert json_bytes is not None
    heads = json.loads(body[:json_bytes])["outputs"]
    assert [head["parameters"]["binary_data_size"] for head in heads] == [8, 24]
    assert [head["shape"] for head in heads] == [[1], [1, 3]]
    assert body[json_bytes : json_bytes + 8] == b"\x04\0\0\0s\xc3\xbcd"
    assert np.frombuffer(body[json_bytes + 8 :], "<f8").tolist() == [0.1, 0.7, 0.2]


def test_no_version_is_named_where_several_have_answered() -> None:
    asked = InferenceRequest([], None, {"prediction": False})
    body, _ = format_inference(asked, "mine", make_contract(), [YES, YES | {"model_version": 4}])
    assert "model_version" not in json.loads(body)


def test_a_shape_is_refused_before_its_rows_are_read() -> None:
    with pytest.raises(RequestRefusedError, match="has 1001 requests, at most 1000"):
        parse({"inputs": [make_tensor("stock", "FP64", data=["no number"] * 1001) | {"shape": [1001]}]})
