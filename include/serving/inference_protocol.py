"""The Open Inference Protocol, version 2, as KServe and Triton speak it over HTTP: one input for each key or feature.

Specification: https://github.com/kserve/open-inference-protocol; of binary tensors,
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from include.features.catalog import FeatureKind, KeyType
from include.registry.contract import ModelContract
from include.serving.refusal import RequestRefusedError, list_names
from include.serving.rows import (
    as_requests,
    check_count,
    check_lengths,
    list_classes,
    parse_json,
    require_list,
    require_object,
    transpose,
)
from include.serving.schemas import PredictRequest
from include.serving.tensors import read_tensor, write_tensor
from include.settings.task_name import TaskName

JSON_LENGTH_HEADER: Final = "Inference-Header-Content-Length"
ID_MAX: Final = 128
FEATURE_DATATYPES: Final[Mapping[FeatureKind, str]] = {"numeric": "FP64", "boolean": "BOOL", "categorical": "BYTES"}
KEY_DATATYPES: Final[Mapping[KeyType, str]] = {"integer": "INT64", "text": "BYTES", "uuid": "BYTES", "date": "BYTES"}
OUTPUTS: Final[Mapping[TaskName, Mapping[str, str]]] = {
    "binary": {"prediction": "BOOL", "probability": "FP64"},
    "multiclass": {"prediction": "BYTES", "probabilities": "FP64"},
    "regression": {"prediction": "FP64"},
}
_FIELDS: Final = frozenset({"id", "parameters", "inputs", "outputs"})
# What would change the answer; hints such as priority and timeout are of no consequence.
_REFUSED: Final = ("sequence_id", "sequence_start", "sequence_end", "classification", "shared_memory_region")


@dataclass(frozen=True)
class InferenceRequest:
    """One request to infer.

    Attributes:
        request_id: the client's own; None where it gave none.
        outputs: which are asked for, and whether in binary form.
    """

    requests: list[PredictRequest]
    request_id: str | None
    outputs: Mapping[str, bool]


def parse_inference(body: bytes, json_bytes: int | None, contract: ModelContract, rows_max: int) -> InferenceRequest:
    """The requests of one body: by key where its inputs are key columns alone, else by features.

    Args:
        json_bytes: the length of the JSON that the body begins with; None where it is all of it.

    Raises:
        RequestRefusedError: 422, what is wrong with which input, output or parameter.
    """
    if json_bytes is not None and json_bytes > len(body):
        raise RequestRefusedError(
            422, f"{JSON_LENGTH_HEADER} is {json_bytes}, and the body has {len(body)} bytes. Send the JSON's length."
        )
    content = require_object(parse_json(body if json_bytes is None else body[:json_bytes]), "The body")
    unknown = content.keys() - _FIELDS
    if unknown or "inputs" not in content:
        raise RequestRefusedError(
            422,
            "The body should have inputs, and perhaps id, parameters and outputs; found "
            f"{list_names([name[:40] for name in content]) or 'none of them'}.",
        )
    parameters = _read_parameters(content.get("parameters", {}), "parameters")
    columns = _read_inputs(content["inputs"], io.BytesIO(b"" if json_bytes is None else body[json_bytes:]), rows_max)
    return InferenceRequest(
        as_requests(transpose(columns), contract),
        _read_id(content.get("id")),
        _read_outputs(content.get("outputs"), parameters.get("binary_data_output") is True, contract),
    )


def _read_id(value: Any) -> str | None:
    # PostgreSQL stores no zero character.
    if value is not None and not (isinstance(value, str) and len(value) <= ID_MAX and "\0" not in value):
        raise RequestRefusedError(422, f"id should be text of at most {ID_MAX} characters.")
    return value or None


def _read_parameters(value: Any, what: str) -> Mapping[str, Any]:
    parameters = require_object(value, what)
    refused = [name for name in _REFUSED if parameters.get(name)]
    if refused:
        raise RequestRefusedError(422, f"{what}: {list_names(refused)} is not supported; leave it out.")
    return parameters


def _read_inputs(value: Any, buffer: io.BytesIO, rows_max: int) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {}
    for index, tensor in enumerate(require_list(value, "inputs")):
        name, values = read_tensor(tensor, f"inputs[{index}]", buffer, rows_max)
        if name in columns:
            raise RequestRefusedError(422, f"Input {name[:40]!r} is there twice.")
        columns[name] = values
    if buffer.read(1):
        raise RequestRefusedError(422, "There are more bytes after the JSON than the inputs declare.")
    check_count(check_lengths(columns, "Input"), rows_max)
    return columns


def _read_outputs(value: Any, is_binary: bool, contract: ModelContract) -> Mapping[str, bool]:
    """Which outputs are wanted, each with whether it is binary; all of the task's where none is named."""
    known = OUTPUTS[contract.task]
    if not value:
        return dict.fromkeys(known, is_binary)
    wanted = {}
    for index, item in enumerate(require_list(value, "outputs")):
        output = require_object(item, f"outputs[{index}]")
        name = output.get("name")
        if not isinstance(name, str) or name not in known:
            raise RequestRefusedError(
                422, f"outputs[{index}] is {str(name)[:40]!r}; {contract.model} has {', '.join(known)}."
            )
        parameters = _read_parameters(output.get("parameters", {}), f"Output {name!r}: parameters")
        wanted[name] = parameters.get("binary_data", is_binary) is True
    return wanted


def format_inference(
    request: InferenceRequest, request_id: str, contract: ModelContract, answers: Sequence[Mapping[str, Any]]
) -> tuple[bytes, int | None]:
    """The body of the answer, and the length of the JSON in it where bytes follow it.

    ``model_version`` is there when one version has answered all rows.
    """
    classes = list_classes(contract, answers)
    tensors = [_write_output(contract, name, request.outputs[name], answers, classes) for name in request.outputs]
    versions = {str(answer["model_version"]) for answer in answers}
    content = {
        "model_name": contract.model,
        **({"model_version": versions.pop()} if len(versions) == 1 else {}),
        "id": request_id,
        "outputs": [head for head, _ in tensors],
    }
    text = json.dumps(content, ensure_ascii=False).encode()
    tail = b"".join(part for _, part in tensors)
    return text + tail, len(text) if any(request.outputs.values()) else None


def _write_output(
    contract: ModelContract,
    name: str,
    is_binary: bool,
    answers: Sequence[Mapping[str, Any]],
    classes: Sequence[str],
) -> tuple[dict[str, Any], bytes]:
    values = [answer[name] for answer in answers]
    width = None
    if name == "probabilities":
        values, width = [[row.get(item, 0.0) for item in classes] for row in values], len(classes)
    return write_tensor(name, OUTPUTS[contract.task][name], values, is_binary=is_binary, width=width)


def describe_server(version: str) -> dict[str, Any]:
    """The server's metadata."""
    return {"name": "orrery", "version": version, "extensions": ["binary_tensor_data"]}


def describe_model(name: str, contract: ModelContract, versions: Sequence[int]) -> dict[str, Any]:
    """A model's metadata.

    ``parameters`` has what the protocol has no place for: the inputs that may stand instead of the features, and the
    classes that ``probabilities`` are of.

    Args:
        versions: those in memory.
    """
    classes = contract.decision.get("classes")
    width = [] if classes is None else [len(classes)]
    return {
        "name": name,
        "versions": [str(version) for version in versions],
        "platform": "onnxruntime_onnx",
        "inputs": [_describe_tensor(item.name, FEATURE_DATATYPES[item.kind]) for item in contract.features],
        "outputs": [
            _describe_tensor(output, datatype, width if output == "probabilities" else ())
            for output, datatype in OUTPUTS[contract.task].items()
        ],
        "parameters": {
            "task": contract.task,
            "entity": contract.entity.name,
            "key_inputs": [_describe_tensor(key.name, KEY_DATATYPES[key.type]) for key in contract.entity.keys],
            **({} if classes is None else {"classes": list(classes)}),
        },
    }


def _describe_tensor(name: str, datatype: str, further: Sequence[int] = ()) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [-1, *further]}
