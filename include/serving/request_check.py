"""Whether a request fits a version's contract: every key and feature, each of its type, and no others."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any, Final
from uuid import UUID

from include.features.catalog import FeatureKind, KeyType
from include.registry.contract import ModelContract
from include.serving.feature_reader import Keys
from include.serving.refusal import RequestRefusedError, list_names

FLOAT32_MAX: Final = 3.4e38
_SHOWN_MAX: Final = 40
# Python's own readers take more forms, such as weeks of a year and hyphens anywhere.
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


class RequestCheck:
    """What a champion takes; a challenger may stand beside it, whose further features are known then.

    Attributes:
        is_key_shared: whether the challenger is asked by the same keys.
    """

    def __init__(self, contract: ModelContract, challenger: ModelContract | None = None) -> None:
        self._entity = contract.entity
        self._readers = [(key.name, *_KEY_READERS[key.type]) for key in contract.entity.keys]
        self._needed = {feature.name: feature.kind for feature in contract.features}
        further = {feature.name: feature.kind for feature in challenger.features} if challenger else {}
        self._tests = {name: _FEATURE_TESTS[kind][1] for name, kind in (further | self._needed).items()}
        self._kinds = further | self._needed
        self.is_key_shared = challenger is not None and challenger.entity.keys == contract.entity.keys
        is_kind_shared = all(self._kinds[name] == kind for name, kind in further.items())
        self._challenger_needs = further.keys() if challenger and is_kind_shared else None

    def read_keys(self, keys: Mapping[str, Any]) -> Keys:
        """The typed values of the entity's keys, in their order.

        Raises:
            RequestRefusedError: 422 that names the key, what was expected and what was found.
        """
        names = self._entity.key_names
        if keys.keys() != set(names):
            raise RequestRefusedError(
                422,
                f"The keys do not fit the entity {self._entity.name!r}{_list_differences(keys, names, names)}. "
                f"It has {len(names)}: {', '.join(names)}.",
            )
        values = []
        for name, expected, read in self._readers:
            value = read(keys[name])
            if value is None:
                raise RequestRefusedError(422, f"Key {name!r} should be {expected}, found {_show(keys[name])}.")
            values.append(value)
        return tuple(values)

    def check_features(self, features: Mapping[str, Any]) -> None:
        """Whether a client sent every feature that is needed, of the right kind, and none that is unknown.

        Raises:
            RequestRefusedError: 422 that names them.
        """
        if features.keys() != self._needed.keys():
            self._check_names(features)
        tests = self._tests
        for name, value in features.items():
            if value is not None and not tests[name](value):
                expected = _FEATURE_TESTS[self._kinds[name]][0]
                raise RequestRefusedError(422, f"Feature {name!r} should be {expected} or null, found {_show(value)}.")

    def _check_names(self, features: Mapping[str, Any]) -> None:
        differences = _list_differences(features, self._needed, self._kinds)
        if differences:
            raise RequestRefusedError(
                422,
                f"The features do not fit the model{differences}. It takes {len(self._needed)} features; "
                "GET /models/NAME lists them. Send null for what is undefined.",
            )

    def fits_challenger(self, features: Mapping[str, Any]) -> bool:
        """Whether a client's features are all that the challenger needs."""
        return self._challenger_needs is not None and self._challenger_needs <= features.keys()


def to_json_keys(names: Iterable[str], keys: Keys) -> dict[str, int | str]:
    """Typed keys by name, in JSON types."""
    return {name: value if isinstance(value, int) else str(value) for name, value in zip(names, keys, strict=True)}


def _list_differences(found: Mapping[str, Any], needed: Iterable[str], known: Iterable[str]) -> str:
    missing = sorted(set(needed) - found.keys())
    unknown = sorted(found.keys() - set(known))
    parts = [
        f"; {kind}: {list_names([name[:_SHOWN_MAX] for name in names])}"
        for kind, names in (("missing", missing), ("unknown", unknown))
        if names
    ]
    return "".join(parts)


def _show(value: Any) -> str:
    kinds = {bool: "boolean", int: "number", float: "number", str: "text", list: "list", dict: "object"}
    text = repr(value)
    shown = text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"
    return f"{kinds[type(value)]} {shown}" if type(value) in kinds else "null"


def _read_integer(value: Any) -> int | None:
    return value if type(value) is int and -(2**63) <= value < 2**63 else None


def _read_text(value: Any) -> str | None:
    return value if _is_text(value) else None


def _read_uuid(value: Any) -> UUID | None:
    return UUID(value) if type(value) is str and _UUID.fullmatch(value) else None


def _read_date(value: Any) -> date | None:
    try:
        return date.fromisoformat(value) if type(value) is str and _DATE.fullmatch(value) else None
    except ValueError:
        return None


def _is_number(value: Any) -> bool:
    # Not so for NaN and the infinities either.
    return (type(value) is float or type(value) is int) and -FLOAT32_MAX <= value <= FLOAT32_MAX


def _is_boolean(value: Any) -> bool:
    return value is True or value is False


def _is_text(value: Any) -> bool:
    # PostgreSQL stores no zero character, not even in JSON.
    return type(value) is str and "\0" not in value


_KEY_READERS: Final[Mapping[KeyType, tuple[str, Callable[[Any], Any]]]] = {
    "integer": ("an integer of at most 64 bits", _read_integer),
    "text": ("text", _read_text),
    "uuid": ("a UUID, such as '0f8fad5b-d9cb-469f-a165-70867728950e'", _read_uuid),
    "date": ("a date, such as '2026-01-31'", _read_date),
}
_FEATURE_TESTS: Final[Mapping[FeatureKind, tuple[str, Callable[[Any], bool]]]] = {
    "numeric": ("a finite number within float32", _is_number),
    "boolean": ("true, false", _is_boolean),
    "categorical": ("text", _is_text),
}
