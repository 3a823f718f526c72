"""From requests to rows of features that a version can read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from include.errors import WarehouseError
from include.registry.contract import ModelContract
from include.serving.feature_reader import FeatureReader, Keys
from include.serving.refusal import RequestRefusedError, list_names
from include.serving.request_check import RequestCheck, to_json_keys
from include.serving.schemas import PredictRequest

# No such table, no such column, no permission: seconds until asking again may help.
_GONE: Final = {"42P01": 30, "42703": 30, "42501": 30}


@dataclass(frozen=True, slots=True)
class Question:
    """One request, checked: the entity's typed keys, or the features that the client sent.

    ``batch_id`` is that of the request which it came with others in; None for one alone.
    """

    request_id: str
    keys: Keys | None
    json_keys: dict[str, int | str] | None
    features: Mapping[str, Any] | None
    batch_id: str | None = None

    @property
    def sticky_key(self) -> str:
        """What makes routing sticky: the entity where there is one, else the request."""
        return self.request_id if self.keys is None else "\x1f".join(map(str, self.keys))


@dataclass(frozen=True, slots=True)
class Item:
    """One row to answer; ``lookup_ms`` is what its features cost, 0 when the client sent them."""

    request_id: str
    keys: dict[str, int | str] | None
    features: Mapping[str, Any]
    as_of_date: date | None
    lookup_ms: float
    batch_id: str | None = None


def as_item(question: Question) -> Item:
    """A question whose features were not looked up."""
    return Item(question.request_id, question.json_keys, question.features or {}, None, 0.0, question.batch_id)


class UnknownEntityError(WarehouseError):
    """The online table does not hold an entity."""


def read_questions(
    requests: Sequence[PredictRequest], check: RequestCheck, names: Sequence[str], request_id: str
) -> list[Question]:
    """Check requests; the rows of a batch are numbered.

    Raises:
        RequestRefusedError: 422, keys or features do not fit.
    """
    is_alone = len(requests) == 1
    batch_id = None if is_alone else request_id
    questions = []
    for index, request in enumerate(requests):
        row_id = request_id if is_alone else f"{request_id}-{index}"
        if request.features is not None:
            check.check_features(request.features)
            questions.append(Question(row_id, None, None, request.features, batch_id))
        else:
            keys = check.read_keys(request.keys or {})
            questions.append(Question(row_id, keys, to_json_keys(names, keys), None, batch_id))
    return questions


async def look_up(reader: FeatureReader, questions: Sequence[Question]) -> list[Item]:
    """The features of each question: looked up, or those that the client sent.

    Raises:
        UnknownEntityError: the online table does not know an entity; all of them are named.
        WarehouseError: the warehouse is away or too slow, or a table or column is gone.
    """
    began_at = time.perf_counter()
    wanted = [question.keys for question in questions if question.keys is not None]
    if len(wanted) == 1:
        found = {wanted[0]: await reader.read(wanted[0])}
    else:
        found = dict(zip(wanted, await asyncio.gather(*map(reader.read, wanted)), strict=True))
    lookup_ms = (time.perf_counter() - began_at) * 1000
    unknown = [", ".join(map(str, keys)) for keys, row in found.items() if row is None]
    if unknown:
        raise UnknownEntityError(list_names(unknown))
    items = []
    for question in questions:
        row = found[question.keys] if question.keys is not None else None
        if row is None:
            items.append(as_item(question))
        else:
            items.append(
                Item(
                    question.request_id, question.json_keys, row.features, row.as_of_date, lookup_ms, question.batch_id
                )
            )  # fmt: skip
    return items


def refuse_lookup(error: WarehouseError, contract: ModelContract) -> RequestRefusedError:
    """What to answer when features cannot be looked up: 404 for what is not there, else 503."""
    tables = list_names([str(group.online) for group in contract.groups])
    if isinstance(error, UnknownEntityError):
        names = ", ".join(contract.entity.key_names)
        return RequestRefusedError(
            404,
            f"{contract.entity.name} ({names}) {error} is not in {contract.groups[0].online}: it has no features, "
            "or they were not built yet. Check the keys, or send the features.",
        )
    retry_after_s = _GONE.get(getattr(error.__cause__, "sqlstate", None) or "", 1)
    advice = "Build the features again (build_features)," if retry_after_s > 1 else "Ask again,"
    return RequestRefusedError(
        503,
        f"Features cannot be looked up in {tables}: {error} {advice} or send the features themselves.",
        retry_after_s,
    )
