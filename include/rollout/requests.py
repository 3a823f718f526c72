"""The requests that staging sends: as clients send them, and wrong ones that a server must refuse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

from include.features.catalog import FeatureKind, KeyType
from include.features.read import EntityRow
from include.registry.contract import ModelContract

Request = dict[str, Any]

_WRONG_FEATURES: Final[Mapping[FeatureKind, Any]] = {"numeric": "text", "boolean": "text", "categorical": 1.5}
_WRONG_KEYS: Final[Mapping[KeyType, Any]] = {"integer": "text", "text": 1.5, "uuid": "no-uuid", "date": "no-date"}


def list_requests(contract: ModelContract, rows: Sequence[EntityRow]) -> tuple[list[Request], list[Request]]:
    """A request for each row by its keys, and one by its features."""
    by_keys: list[Request] = [{"keys": to_json_keys(row.keys)} for row in rows]
    by_features: list[Request] = [{"features": _pick_features(contract, row)} for row in rows]
    return by_keys, by_features


def list_refused(contract: ModelContract, row: EntityRow) -> dict[str, list[tuple[str, Request]]]:
    """Wrong requests by the name of their check, each with the field that the refusal has to name.

    ``wrong_type_refused`` and ``wrong_key_refused`` hold one for each kind of feature and for each key.
    """
    features, keys = _pick_features(contract, row), to_json_keys(row.keys)
    dropped = contract.features[0].name
    unknown = "x" * (max(map(len, features)) + 1)  # longer than every feature, so that none has this name
    first_of_kind = {feature.kind: feature.name for feature in reversed(contract.features)}
    without = {name: value for name, value in features.items() if name != dropped}
    return {
        "unknown_feature_refused": [(unknown, {"features": {**features, unknown: 1.0}})],
        "missing_feature_refused": [(dropped, {"features": without})],
        "wrong_type_refused": [
            (name, {"features": {**features, name: _WRONG_FEATURES[kind]}}) for kind, name in first_of_kind.items()
        ],
        "wrong_key_refused": [
            (key.name, {"keys": {**keys, key.name: _WRONG_KEYS[key.type]}}) for key in contract.entity.keys
        ],
    }


def to_json_keys(keys: Mapping[str, Any]) -> dict[str, Any]:
    """Keys in JSON types: dates in ISO form and UUIDs as text."""
    return {name: str(value) if isinstance(value, date | UUID) else value for name, value in keys.items()}


def _pick_features(contract: ModelContract, row: EntityRow) -> dict[str, Any]:
    return {feature.name: row.features[feature.name] for feature in contract.features}
