"""Triton's own HTTP client, unmodified, against a running server: the Open Inference Protocol, version 2."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from tests.unit.serving.live_server import (
    MODEL,
    SENSOR,
    TOKENS,
    by_key,
    get,
    make_features,
    predict,
    put_canary,
    read_log,
    wait_until,
    wait_until_seen,
)
from tests.unit.serving.onnx_files import FEATURES

MACHINES = (1, 20, 49)
ROWS = [make_features(number) for number in MACHINES]
UNITS = [
    ("zone", "BYTES", np.array(["south", "never seen"], dtype=object)),
    ("stock", "FP64", np.array([2.0, 3.0])),
    ("is_open", "BOOL", np.array([False, True])),
]
MACHINE_COLUMNS = [(name, "FP32", np.array([row[name] for row in ROWS], dtype=np.float32)) for name in FEATURES]


@pytest.fixture
def client(shared_url: str) -> Iterator[Any]:
    """A client of the shared server."""
    with connect(shared_url) as found:
        yield found


def connect(url: str) -> Any:
    """Triton's client of a server; it waits as long as it takes."""
    from tritonclient.http import InferenceServerClient
    from tritonclient.http.auth import BasicAuth

    client = InferenceServerClient(url.removeprefix("http://"), network_timeout=3600.0, connection_timeout=3600.0)
    client.register_plugin(BasicAuth("any", TOKENS["stage"]))
    return client


def make_inputs(columns: Sequence[tuple[str, str, Any]], *, is_binary: bool = True, is_flat: bool = True) -> list[Any]:
    """The client's inputs of columns, of shape [n] or [n, 1]."""
    from tritonclient.http import InferInput

    inputs = []
    for name, datatype, values in columns:
        array = values if is_flat else values.reshape(-1, 1)
        inputs.append(InferInput(name, list(array.shape), datatype).set_data_from_numpy(array, binary_data=is_binary))
    return inputs


def make_outputs(*names: str, is_binary: bool = True, **options: Any) -> list[Any]:
    """The outputs that a client asks for."""
    from tritonclient.http import InferRequestedOutput

    return [InferRequestedOutput(name, binary_data=is_binary, **options) for name in names]


def test_the_server_and_its_models_are_live_and_ready(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("units")
    assert client.is_model_ready(MODEL, "1")
    assert not client.is_model_ready("unitz")
    assert client.get_server_metadata()["extensions"] == ["binary_tensor_data"]


def test_metadata_list_inputs_and_outputs_by_the_task(client: Any) -> None:
    units = client.get_model_metadata("units")
    assert units["inputs"] == [
        {"name": "zone", "datatype": "BYTES", "shape": [-1]},
        {"name": "stock", "datatype": "FP64", "shape": [-1]},
        {"name": "is_open", "datatype": "BOOL", "shape": [-1]},
    ]
    assert units["outputs"] == [{"name": "prediction", "datatype": "FP64", "shape": [-1]}]
    assert units["parameters"]["key_inputs"] == [
        {"name": "site_id", "datatype": "INT64", "shape": [-1]},
        {"name": "part", "datatype": "BYTES", "shape": [-1]},
    ]
    assert units["versions"] == ["1"]
    grade = client.get_model_metadata("grade", "1")
    assert [item["shape"] for item in grade["outputs"]] == [[-1], [-1, 3]]
    assert grade["parameters"]["classes"] == ["high", "low", "medium"]


@pytest.mark.parametrize("is_binary", [True, False])
@pytest.mark.parametrize("is_flat", [True, False])
def test_features_are_answered_in_json_and_in_binary_form(client: Any, is_binary: bool, is_flat: bool) -> None:
    inputs = make_inputs(UNITS, is_binary=is_binary, is_flat=is_flat)
    result = client.infer("units", inputs, outputs=make_outputs("prediction", is_binary=is_binary), request_id="mine")
    assert result.as_numpy("prediction").tolist() == pytest.approx([1020, 380], abs=0.1)
    response = result.get_response()
    assert (response["id"], response["model_name"], response["model_version"]) == ("mine", "units", "1")
    assert ("data" in response["outputs"][0]) != is_binary


def test_the_answers_are_those_of_the_servers_own_route(shared_url: str, client: Any) -> None:
    result = client.infer(MODEL, make_inputs(MACHINE_COLUMNS))
    own = [predict(shared_url, {"features": row}).json() for row in ROWS]
    assert result.as_numpy("probability").tolist() == pytest.approx([answer["probability"] for answer in own], abs=1e-6)
    assert result.as_numpy("prediction").tolist() == [answer["prediction"] for answer in own]


@pytest.mark.parametrize("is_binary", [True, False])
def test_keys_alone_are_looked_up(shared_url: str, client: Any, is_binary: bool) -> None:
    keys = [(name, "BYTES", np.array([value], dtype=object)) for name, value in SENSOR.items()]
    result = client.infer("grade", make_inputs(keys, is_binary=is_binary))
    own = predict(shared_url, {"keys": SENSOR}, "grade").json()
    assert result.as_numpy("prediction").tolist() in ([own["prediction"].encode()], [own["prediction"]])
    assert result.as_numpy("probabilities").tolist() == [pytest.approx([*own["probabilities"].values()])]
    machine = make_inputs([("machine_id", "INT64", np.array([49, 1]))], is_binary=is_binary)
    assert client.infer(MODEL, machine, outputs=make_outputs("prediction")).as_numpy("prediction").tolist() == [
        predict(shared_url, by_key(number)).json()["prediction"] for number in (49, 1)
    ]


def test_the_client_is_told_what_does_not_fit(client: Any) -> None:
    from tritonclient.utils import InferenceServerException

    def refuse(match: str, columns: Sequence[tuple[str, str, Any]], name: str = MODEL, **options: Any) -> None:
        with pytest.raises(InferenceServerException, match=match):
            client.infer(name, make_inputs(columns), **options)

    refuse(r"\[400\].*missing: load_28d", MACHINE_COLUMNS[:2])
    refuse(r"\[400\].*unknown: load_29d", [*MACHINE_COLUMNS, ("load_29d", "FP32", MACHINE_COLUMNS[0][2])])
    refuse(r"\[400\].*'days_idle' has 3 rows, and 'load_28d' has 2", [*MACHINE_COLUMNS[:2], _cut(MACHINE_COLUMNS[2])])
    refuse(r"\[400\].*found number nan", [*MACHINE_COLUMNS[:2], ("load_28d", "FP32", np.full(3, np.nan, np.float32))])
    refuse(
        r"\[400\].*'stock' should be a finite number.*boolean",
        [UNITS[0], ("stock", "BOOL", UNITS[2][2]), UNITS[2]],
        "units",
    )
    refuse(
        r"\[400\].*outputs\[0\] is 'score'; failures has prediction, probability",
        MACHINE_COLUMNS,
        outputs=make_outputs("score"),
    )
    refuse(
        r"\[400\].*classification is not supported", MACHINE_COLUMNS, outputs=make_outputs("prediction", class_count=2)
    )
    refuse(r"\[400\].*sequence_id.* is not supported", MACHINE_COLUMNS, sequence_id=3, sequence_start=True)
    refuse(r"\[404\].*No model 'unitz' is declared", MACHINE_COLUMNS, "unitz")
    refuse(r"\[404\].*5001 is not in online", [("machine_id", "INT64", np.array([5001]))])
    refuse(r"\[415\].*Content-Encoding", MACHINE_COLUMNS, request_compression_algorithm="gzip")


def _cut(column: tuple[str, str, Any]) -> tuple[str, str, Any]:
    return (*column[:2], column[2][:2])


def test_shared_memory_is_refused(client: Any) -> None:
    from tritonclient.http import InferInput
    from tritonclient.utils import InferenceServerException

    shared = [InferInput(name, [3], "FP32") for name in FEATURES]
    for tensor in shared:
        tensor.set_shared_memory("region", 12)
    with pytest.raises(InferenceServerException, match=r"\[400\].*shared memory is not supported"):
        client.infer(MODEL, shared)


def test_a_version_in_the_path_is_staged(server_url: str, online_uri: str) -> None:
    with connect(server_url) as client:
        wait_until(lambda: client.is_model_ready(MODEL, "2"))
        assert client.get_model_metadata(MODEL)["versions"] == ["1", "2"]
        staged = client.infer(MODEL, make_inputs(MACHINE_COLUMNS), model_version="2", request_id="staged")
        champion = client.infer(MODEL, make_inputs(MACHINE_COLUMNS))
    assert staged.get_response()["model_version"] == "2"
    assert champion.get_response()["model_version"] == "1"
    assert staged.as_numpy("probability").tolist() != champion.as_numpy("probability").tolist()
    wait_until(lambda: len(read_log(online_uri)) == 6)
    assert {(row["request_id"], row["variant"]) for row in read_log(online_uri) if row["model_version"] == 2} == {
        (f"staged-{index}", "staging") for index in range(3)
    }


def test_a_version_that_does_not_exist_is_not_ready_and_says_why(shared_url: str, client: Any) -> None:
    from tritonclient.utils import InferenceServerException

    url = f"{shared_url}/v2/models/{MODEL}/versions/97/ready"
    wait_until(lambda: "There is no version 97" in get(url).json()["error"])
    assert get(url).status_code == 503
    assert not client.is_model_ready(MODEL, "97")
    with pytest.raises(InferenceServerException, match=r"\[503\].*There is no version 97"):
        client.infer(MODEL, make_inputs(MACHINE_COLUMNS), model_version="97")
    with pytest.raises(InferenceServerException, match=r"\[400\] The version in the path is 'newest'"):
        client.infer(MODEL, make_inputs(MACHINE_COLUMNS), model_version="newest")


def test_answers_of_several_versions_name_none(server_url: str, online_uri: str) -> None:
    put_canary(online_uri, 2, 0.5)
    wait_until_seen(server_url, 2, 0.5)
    with connect(server_url) as client:
        keys = np.arange(1, 41)
        result = client.infer(MODEL, make_inputs([("machine_id", "INT64", keys)]))
    own = predict(server_url, {"requests": [by_key(int(key)) for key in keys]}, path="predict/batch").json()
    assert {answer["model_version"] for answer in own["predictions"]} == {1, 2}
    assert "model_version" not in result.get_response()
    expected = [answer["probability"] for answer in own["predictions"]]
    assert result.as_numpy("probability").tolist() == pytest.approx(expected, abs=1e-6)
