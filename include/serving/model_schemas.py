"""The body of a request to one model, as a JSON schema with the model's own fields, and examples of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from include.features.catalog import FeatureKind, KeyType
from include.registry.contract import ModelContract
from include.serving.inference_protocol import FEATURE_DATATYPES, KEY_DATATYPES
from include.serving.request_check import FLOAT32_MAX

Schema = dict[str, Any]

_TEXT: Final = "^[^\\u0000]*$"
_KEYS: Final[Mapping[KeyType, Schema]] = {
    "integer": {"type": "integer", "format": "int64", "minimum": -(2**63), "maximum": 2**63 - 1},
    "text": {"type": "string", "pattern": _TEXT},
    "uuid": {"type": "string", "format": "uuid", "pattern": "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"},
    "date": {"type": "string", "format": "date"},
}
_FEATURES: Final[Mapping[FeatureKind, Schema]] = {
    "numeric": {"type": ["number", "null"], "minimum": -FLOAT32_MAX, "maximum": FLOAT32_MAX},
    "boolean": {"type": ["boolean", "null"]},
    "categorical": {"type": ["string", "null"], "pattern": _TEXT},
}
_EXAMPLES: Final[Mapping[str, Any]] = {
    "integer": 7, "text": "a", "uuid": "0f8fad5b-d9cb-469f-a165-70867728950e", "date": "2026-01-31",
    "numeric": 1.5, "boolean": True, "categorical": "a",
}  # fmt: skip


def describe_fields(contract: ModelContract) -> dict[str, Schema]:
    """The schemas of a row of keys and of a row of features, by the name that the document gives them."""
    keys = {key.name: _KEYS[key.type] for key in contract.entity.keys}
    features = {feature.name: _FEATURES[feature.kind] for feature in contract.features}
    return {f"{contract.model}.Keys": _close(keys), f"{contract.model}.Features": _close(features)}


def describe_prediction(contract: ModelContract) -> Schema:
    """The body of ``/models/NAME/predict``."""
    keys, features = _refer(contract)
    schema = {"oneOf": [_close({"keys": keys}), _close({"features": features})]}
    return _with_examples(schema, {"keys": {"keys": _show_keys(contract)}, "features": {"features": _show(contract)}})


def describe_batch(contract: ModelContract) -> Schema:
    """The body of ``/models/NAME/predict/batch``."""
    keys, features = _refer(contract)
    request = {"oneOf": [_close({"keys": keys}), _close({"features": features})]}
    schema = _close({"requests": {"type": "array", "minItems": 1, "items": request}})
    both = [{"keys": _show_keys(contract)}, {"features": _show(contract)}]
    return _with_examples(schema, {"batch": {"requests": both}})


def describe_invocation(contract: ModelContract) -> Schema:
    """The body of ``/models/NAME/invocations``, MLflow's protocol."""
    records = {"type": "array", "minItems": 1, "items": {"anyOf": _refer(contract)}}
    splits = [
        _describe_split([key.name for key in contract.entity.keys], [_KEYS[key.type] for key in contract.entity.keys]),
        _describe_split(
            [item.name for item in contract.features], [_FEATURES[item.kind] for item in contract.features]
        ),
    ]
    schema = {
        "oneOf": [
            _close({"dataframe_split": {"anyOf": splits}}),
            *(_close({field: records}) for field in ("dataframe_records", "inputs", "instances")),
        ]
    }
    row = _show(contract)
    examples = {
        "keys": {"dataframe_records": [_show_keys(contract)]},
        "features": {"dataframe_split": {"columns": [*row], "data": [[*row.values()]]}},
    }
    return _with_examples(schema, examples)


def describe_inference(contract: ModelContract) -> Schema:
    """The body of ``/v2/models/NAME/infer``, the Open Inference Protocol."""
    keys = {key.name: (KEY_DATATYPES[key.type], _KEYS[key.type]) for key in contract.entity.keys}
    features = {item.name: (FEATURE_DATATYPES[item.kind], _FEATURES[item.kind]) for item in contract.features}
    schema = {
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": {"type": "string", "maxLength": 128, "pattern": _TEXT},
            "inputs": {"anyOf": [_describe_tensors(keys), _describe_tensors(features)]},
        },
        "additionalProperties": False,
    }
    examples = {
        "keys": {"inputs": _show_tensors(keys, _show_keys(contract))},
        "features": {"inputs": _show_tensors(features, _show(contract))},
    }
    return _with_examples(schema, examples)


BODIES: Final[Mapping[str, Callable[[ModelContract], Schema]]] = {
    "/models/{name}/predict": describe_prediction,
    "/models/{name}/predict/batch": describe_batch,
    "/models/{name}/invocations": describe_invocation,
    "/v2/models/{name}/infer": describe_inference,
}
"""The routes that take rows of a model, each with what describes its body: the ``content`` of JSON."""


def _close(properties: Mapping[str, Schema]) -> Schema:
    """An object that has these fields and no others."""
    return {
        "type": "object",
        "required": [*properties],
        "properties": dict(properties),
        "additionalProperties": False,
    }


def _refer(contract: ModelContract) -> list[Schema]:
    return [{"$ref": f"#/components/schemas/{name}"} for name in describe_fields(contract)]


def _describe_split(names: Sequence[str], columns: Sequence[Schema]) -> Schema:
    count = {"minItems": len(names), "maxItems": len(names)}
    row = {"type": "array", "prefixItems": [*columns], **count}
    return {
        "type": "object",
        "description": "The columns may be in another order.",
        "required": ["columns", "data"],
        "properties": {
            "columns": {"type": "array", "prefixItems": [{"const": name} for name in names], **count},
            "data": {"type": "array", "minItems": 1, "items": row},
            "index": {"type": "array"},
        },
        "additionalProperties": False,
    }


def _describe_tensors(columns: Mapping[str, tuple[str, Schema]]) -> Schema:
    """One tensor for each column; their order is free, and [n, 1] is a shape, too."""
    tensors = [
        _close(
            {
                "name": {"const": name},
                "datatype": {"const": datatype},
                "shape": {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1, "maxItems": 2},
                "data": {"type": "array", "minItems": 1, "items": value},
            }
        )
        for name, (datatype, value) in columns.items()
    ]
    count = len(tensors)
    return {"type": "array", "prefixItems": tensors, "minItems": count, "maxItems": count}


def _show_keys(contract: ModelContract) -> dict[str, Any]:
    return {key.name: _EXAMPLES[key.type] for key in contract.entity.keys}


def _show(contract: ModelContract) -> dict[str, Any]:
    return {feature.name: _EXAMPLES[feature.kind] for feature in contract.features}


def _show_tensors(columns: Mapping[str, tuple[str, Schema]], row: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"name": name, "datatype": datatype, "shape": [1], "data": [row[name]]}
        for name, (datatype, _) in columns.items()
    ]


def _with_examples(schema: Schema, examples: Mapping[str, Any]) -> Schema:
    return {"schema": schema, "examples": {name: {"value": value} for name, value in examples.items()}}
