"""What is wrong with a request is named in the form of the protocol that the client speaks, whatever it sends."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from include.settings.rollout import ServerSettings
from tests.unit.serving.live_server import MODEL, get, make_features, post, predict
from tests.unit.serving.onnx_files import FEATURES

JSON = {"Content-Type": "application/json"}
ROWS = {"mlflow": f"/models/{MODEL}/invocations", "inference": f"/v2/models/{MODEL}/infer"}
FORMS = {
    "mlflow": {"error_code", "message"},
    "inference": {"error"},
    "own": {"detail"},
}
DEEP = b'{"inputs": ' + b"[" * 50_000
KEYS = [{"machine_id": 7}]


def read_refusal(response: httpx.Response, protocol: str) -> str:
    """The text of a refusal, which has the form of its protocol and is no failure of the server."""
    content = response.json()
    assert content.keys() == FORMS[protocol], response.text
    assert 400 <= response.status_code < 500, response.text
    return str(content.get("message") or content.get("error") or content.get("detail"))


def make_tensor(name: str = "machine_id", **changes: Any) -> dict[str, Any]:
    """One input of a machine's key, changed."""
    return {"name": name, "datatype": "INT64", "shape": [1], "data": [7]} | changes


def infer(url: str, *tensors: Any, **more: Any) -> httpx.Response:
    """Ask for an inference."""
    return post(f"{url}{ROWS['inference']}", json={"inputs": list(tensors), **more})


def invoke(url: str, body: Any, model_name: str = MODEL) -> httpx.Response:
    """Ask by MLflow's protocol."""
    return post(f"{url}/models/{model_name}/invocations", json=body)


@pytest.mark.parametrize("protocol", ROWS)
@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "no JSON that can be read: EOF"),
        (b'{"inputs": [', "no JSON that can be read: EOF"),
        (DEEP, "recursion limit"),
        (b'{"inputs": "\xff"}', "no JSON that can be read"),
        (b'{"inputs": ["\\ud800"]}', "no JSON that can be read"),
        (b"1" * 5000, "number out of range"),
        (b"[]", "The body should be an object, found a list"),
        (b"null", "The body should be an object, found null"),
        (b"{}", "none of them"),
        (b'{"rows": []}', "found rows"),
        (b'{"inputs": 7}', "inputs should be a list, found a number"),
    ],
)
def test_a_body_that_cannot_be_read_is_400(shared_url: str, protocol: str, content: bytes, named: str) -> None:
    response = post(f"{shared_url}{ROWS[protocol]}", content=content, headers=JSON)
    assert named in read_refusal(response, protocol)
    assert response.status_code == 400


@pytest.mark.parametrize("protocol", ROWS)
@pytest.mark.parametrize("kind", ["text/plain", "text/csv", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_another_content_type_is_415(shared_url: str, protocol: str, kind: str) -> None:
    response = post(f"{shared_url}{ROWS[protocol]}", content=b"{}", headers={"Content-Type": kind})
    assert "Content-Type: application/json" in read_refusal(response, protocol)
    assert response.status_code == 415


@pytest.mark.parametrize("protocol", ROWS)
def test_a_body_that_is_too_large_is_413(shared_url: str, protocol: str, server_settings: ServerSettings) -> None:
    content = b" " * (server_settings.body_max_bytes + 1)
    response = post(f"{shared_url}{ROWS[protocol]}", content=content, headers=JSON)
    assert "larger than" in read_refusal(response, protocol)
    assert response.status_code == 413


@pytest.mark.parametrize(
    "path",
    ["/models/unitz/invocations", "/endpoints/unitz/invocations", "/v2/models/unitz/infer", "/models/unitz/predict"],
)
def test_an_unknown_model_is_404_in_each_form(shared_url: str, path: str) -> None:
    protocol = "inference" if path.startswith("/v2") else "own" if path.endswith("predict") else "mlflow"
    response = post(f"{shared_url}{path}", json={})
    assert "No model 'unitz' is declared. Declared are: units" in read_refusal(response, protocol)
    assert response.status_code == 404


@pytest.mark.parametrize(
    ("path", "protocol", "status"),
    [
        ("/v2/models", "inference", 404),
        (f"/v2/models/{MODEL}/explain", "inference", 404),
        (f"/v2/models/{MODEL}/infer", "inference", 405),
        ("/invocations", "mlflow", 405),
        ("/predict", "own", 404),
    ],
)
def test_what_the_framework_refuses_has_the_form_of_the_path(
    shared_url: str, path: str, protocol: str, status: int
) -> None:
    response = get(f"{shared_url}{path}")
    assert read_refusal(response, protocol)
    assert response.status_code == status


@pytest.mark.parametrize("field", ["dataframe_records", "inputs", "instances"])
@pytest.mark.parametrize(
    ("rows", "named"),
    [
        ([], "no rows"),
        ([7], "[0] should be an object, found a number"),
        ([{}], "missing: days_idle"),
        ([{"machine_id": "7"}], "'machine_id' should be an integer of at most 64 bits, found text '7'"),
        ([{"machine_id": 7, **make_features(7)}], "unknown: machine_id"),
        ([make_features(7) | {"load_28d": "12"}], "'load_28d' should be a finite number"),
        ([make_features(7), {"load_28d": 1}], "missing: days_idle, starts_28d"),
        ([make_features(7) | {"load_28d": [1]}], "found list [1]"),
        (KEYS * 1001, "at most 1000 are taken"),
    ],
)
def test_rows_that_do_not_fit_are_400(shared_url: str, field: str, rows: Any, named: str) -> None:
    response = invoke(shared_url, {field: rows})
    assert named in read_refusal(response, "mlflow")
    assert (response.status_code, response.json()["error_code"]) == (400, "BAD_REQUEST")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"dataframe_split": {"data": [[1]]}}, "should have columns, data"),
        ({"dataframe_split": {"columns": ["machine_id"], "data": [[7]], "rows": 1}}, "found columns, data, rows"),
        ({"dataframe_split": {"columns": ["machine_id", "machine_id"], "data": [[7, 7]]}}, "different names"),
        ({"dataframe_split": {"columns": [0], "data": [[7]]}}, "different names of keys or features"),
        ({"dataframe_split": {"columns": ["machine_id"], "data": [[7], [7, 8]]}}, "data[1] has 2 values for 1 columns"),
        ({"dataframe_split": {"columns": ["machine_id"], "data": {}}}, "dataframe_split.data should be a list"),
        ({"dataframe_split": []}, "dataframe_split should be an object, found a list"),
        ({"dataframe_records": {}}, "dataframe_records should be a list, found an object"),
        ({"dataframe_records": KEYS, "inputs": KEYS}, "dataframe_records, inputs"),
        ({"dataframe_records": KEYS, "threshold": 1}, "dataframe_records, threshold"),
        ({"inputs": {"machine_id": 7}}, "inputs.machine_id should be a list, found a number"),
        ({"inputs": {"days_idle": [1, 2], "starts_28d": [1]}}, "'days_idle' has 2 rows, and 'starts_28d' has 1"),
        ({"inputs": {}}, "no rows"),
        ({"inputs": {"numeric": [[1, 2]]}}, "numeric has 2 values, and takes 3: days_idle"),
        ({"inputs": [[1, 2]]}, "numeric has 2 values, and takes 3"),
        ({"inputs": {"machine_id": [7] * 1001}}, "at most 1000 are taken"),
        ({"inputs": [], "params": {"a": 1}}, "takes no params"),
    ],
)
def test_the_formats_of_mlflow_name_what_is_wrong(shared_url: str, body: Any, named: str) -> None:
    response = invoke(shared_url, body)
    assert named in read_refusal(response, "mlflow")
    assert response.status_code == 400


@pytest.mark.parametrize(
    ("tensors", "named"),
    [
        ([], "no rows"),
        ([7], "inputs[0] should be an object"),
        ([make_tensor(name=7)], "name that is text"),
        ([make_tensor(datatype="INT65")], "'machine_id' has datatype 'INT65'"),
        ([make_tensor(datatype=["INT64"])], "has datatype"),
        ([make_tensor(shape=[1, 2])], "shape [1, 2]; it should be [n] or [n, 1]"),
        ([make_tensor(shape=[])], "it should be [n] or [n, 1]"),
        ([make_tensor(shape=[True])], "it should be [n] or [n, 1]"),
        ([make_tensor(shape=[-1])], "it should be [n] or [n, 1]"),
        ([make_tensor(shape=None)], "it should be [n] or [n, 1]"),
        ([make_tensor(shape=[2])], "has 1 values, its shape says 2"),
        ([make_tensor(shape=[0], data=[])], "no rows"),
        ([make_tensor(shape=[10**18])], "at most 1000 are taken"),
        ([make_tensor(data=None)], "data should be a list, found null"),
        ([make_tensor(data=["7"])], "declared as INT64 and holds text"),
        ([make_tensor(data=[7.5])], "declared as INT64 and holds a number"),
        ([make_tensor(data=[[7, 8]])], "declared as INT64 and holds a list"),
        ([make_tensor(data=[True])], "declared as INT64 and holds a boolean"),
        ([make_tensor(data=[None])], "found null"),
        ([make_tensor(), make_tensor()], "'machine_id' is there twice"),
        ([make_tensor(parameters={"binary_data_size": 8})], "should have 8 bytes after the JSON, found 0"),
        ([make_tensor(parameters={"binary_data_size": "8"})], "should be a number of bytes"),
        ([make_tensor(parameters=[])], "parameters should be an object"),
        ([make_tensor("days_idle", datatype="FP64")], "missing: load_28d, starts_28d"),
        ([make_tensor(name="load_29d")], "unknown: load_29d"),
    ],
)
def test_tensors_that_do_not_fit_are_400(shared_url: str, tensors: Any, named: str) -> None:
    response = infer(shared_url, *tensors)
    assert named in read_refusal(response, "inference")
    assert response.status_code == 400


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"id": 7}, "id should be text"),
        ({"id": "x" * 129}, "at most 128 characters"),
        ({"id": "a\0"}, "id should be text"),
        ({"outputs": [{"name": "score"}]}, "failures has prediction, probability"),
        ({"outputs": [{}]}, "failures has prediction, probability"),
        ({"outputs": 7}, "outputs should be a list"),
        ({"outputs": [7]}, "outputs[0] should be an object"),
        ({"parameters": []}, "parameters should be an object"),
        ({"rows": []}, "inputs, rows"),
    ],
)
def test_what_stands_beside_the_tensors_is_checked(shared_url: str, more: Any, named: str) -> None:
    response = infer(shared_url, make_tensor(), **more)
    assert named in read_refusal(response, "inference")
    assert response.status_code == 400


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 4300])
def test_what_is_no_finite_number_is_named_in_both_protocols(shared_url: str, literal: str) -> None:
    row = ", ".join(f'"{name}": {literal if name == "load_28d" else 1}' for name in FEATURES)
    response = post(f"{shared_url}{ROWS['mlflow']}", content=f'{{"inputs": [{{{row}}}]}}', headers=JSON)
    assert "'load_28d' should be a finite number within float32 or null, found number" in read_refusal(
        response, "mlflow"
    )
    tensors = ", ".join(
        f'{{"name": "{name}", "datatype": "FP64", "shape": [1], "data": [{literal if name == "load_28d" else 1}]}}'
        for name in FEATURES
    )
    response = post(f"{shared_url}{ROWS['inference']}", content=f'{{"inputs": [{tensors}]}}', headers=JSON)
    assert "'load_28d' should be a finite number within float32 or null" in read_refusal(response, "inference")


@pytest.mark.parametrize(
    ("header", "named"),
    [
        ("x", "give the length of the JSON"),
        ("-1", "give the length of the JSON"),
        ("9" * 19, "give the length of the JSON"),
        ("10", "no JSON that can be read"),
        ("99999", "is 99999, and the body has"),
    ],
)
def test_a_length_of_the_json_that_is_wrong_is_400(shared_url: str, header: str, named: str) -> None:
    content = json.dumps({"inputs": [make_tensor()]}).encode()
    headers = {"Inference-Header-Content-Length": header, "Content-Type": "application/octet-stream"}
    response = post(f"{shared_url}{ROWS['inference']}", content=content, headers=headers)
    assert named in read_refusal(response, "inference")


def test_bytes_that_do_not_fit_their_tensors_are_400(shared_url: str) -> None:
    def send(datatype: str, content: bytes, *, size: int | None = None, name: str = "machine_id") -> str:
        parameters = {"binary_data_size": len(content) if size is None else size}
        tensor = {"name": name, "datatype": datatype, "shape": [1], "parameters": parameters}
        text = json.dumps({"inputs": [tensor]}).encode()
        headers = {"Inference-Header-Content-Length": str(len(text))}
        return read_refusal(
            post(f"{shared_url}{ROWS['inference']}", content=text + content, headers=headers), "inference"
        )

    assert "12 bytes, which are no whole number of INT64" in send("INT64", b"\0" * 12)
    assert "has 2 values, its shape says 1" in send("INT64", b"\0" * 16)
    assert "more bytes after the JSON" in send("INT64", b"\0" * 9, size=8)
    assert "should have 8 bytes after the JSON, found 4" in send("INT64", b"\0" * 4, size=8)
    assert "ends in the middle of a text" in send("BYTES", b"\x05\0\0\0abc")
    assert "ends in the middle of a text" in send("BYTES", b"\x05\0")
    assert "no UTF-8" in send("BYTES", b"\x01\0\0\0\xff")


def test_a_row_that_a_version_under_test_cannot_answer_is_refused_as_by_the_servers_own_route(shared_url: str) -> None:
    own = predict(shared_url, {"keys": {"machine_id": 5001}}).json()["detail"]
    assert invoke(shared_url, {"inputs": [{"machine_id": 5001}]}).json()["message"] == own
    assert infer(shared_url, make_tensor(data=[5001])).json()["error"] == own
    own = predict(shared_url, {"features": {}}).json()["detail"]
    assert invoke(shared_url, {"inputs": [{}]}).json()["message"] == own
