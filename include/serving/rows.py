"""What the protocols share: JSON in, rows of named values, the classes of the answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import from_json

from include.registry.contract import ModelContract
from include.serving.refusal import RequestRefusedError
from include.serving.schemas import PredictRequest

Row = Mapping[str, Any]


def parse_json(text: bytes) -> Any:
    """The value of a JSON text; NaN and the infinities come through, so that whoever checks can say where they are.

    Raises:
        RequestRefusedError: 422, it is no JSON, or nested too deeply.
    """
    try:
        return from_json(text)
    except ValueError as error:
        raise RequestRefusedError(422, f"The body is no JSON that can be read: {error}.") from error


def require_object(value: Any, what: str) -> Mapping[str, Any]:
    """The value, which should be a JSON object.

    Raises:
        RequestRefusedError: 422 that says what it is instead.
    """
    if not isinstance(value, dict):
        raise RequestRefusedError(422, f"{what} should be an object, found {name_kind(value)}.")
    return value


def require_list(value: Any, what: str) -> Sequence[Any]:
    """The value, which should be a JSON list.

    Raises:
        RequestRefusedError: 422 that says what it is instead.
    """
    if not isinstance(value, list):
        raise RequestRefusedError(422, f"{what} should be a list, found {name_kind(value)}.")
    return value


def name_kind(value: Any) -> str:
    """What JSON calls the type of a value."""
    kinds = {bool: "a boolean", int: "a number", float: "a number", str: "text", list: "a list", dict: "an object"}
    return kinds.get(type(value), "null")


def as_requests(rows: Sequence[Row], contract: ModelContract) -> list[PredictRequest]:
    """Rows as requests: by key where a row has key columns alone, else by features; neither is checked yet."""
    keys = set(contract.entity.key_names)
    return [
        PredictRequest(keys=dict(row)) if row and row.keys() <= keys else PredictRequest(features=dict(row))
        for row in rows
    ]


def check_count(count: int, most: int) -> None:
    """Refuse a batch of no rows, or of more than are taken.

    Raises:
        RequestRefusedError: 422 with both numbers.
    """
    if count > most:
        raise RequestRefusedError(422, f"The batch has {count} requests, at most {most} are taken. Split it.")
    if count == 0:
        raise RequestRefusedError(422, "The batch has no rows: send at least one.")


def transpose(columns: Mapping[str, Sequence[Any]]) -> list[Row]:
    """The rows of columns that are of one length."""
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def check_lengths(columns: Mapping[str, Sequence[Any]], what: str) -> int:
    """The one length of all columns; 0 when there are none.

    Raises:
        RequestRefusedError: 422 that names two columns whose lengths differ.
    """
    lengths = {name: len(values) for name, values in columns.items()}
    first = next(iter(lengths), "")
    for name, length in lengths.items():
        if length != lengths[first]:
            raise RequestRefusedError(
                422, f"{what} {first[:40]!r} has {lengths[first]} rows, and {name[:40]!r} has {length}."
            )
    return lengths.get(first, 0)


def list_classes(contract: ModelContract, answers: Sequence[Mapping[str, Any]]) -> list[str]:
    """The classes of a version in its order, then those that only a challenger among the answers knows."""
    classes = dict.fromkeys(contract.decision.get("classes", ()))
    for answer in answers:
        classes |= dict.fromkeys(answer.get("probabilities", ()))
    return list(classes)
