"""From requests to rows of features that a model can read."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from typing import Final

from include.errors import WarehouseError
from include.serving.features import FeatureReader, FeatureRow
from include.serving.refusal import RequestRefusedError
from include.serving.schemas import PredictRequest

_NAMES_MAX: Final = 5


@dataclass(frozen=True, slots=True)
class Item:
    """One row to answer; ``lookup_ms`` is what its features cost, 0 when the client sent them."""

    request_id: str
    household_id: int | None
    features: Mapping[str, float | None]
    as_of_date: date | None
    lookup_ms: float

    @property
    def key(self) -> str:
        """What makes routing sticky: the household where there is one, else the request."""
        return self.request_id if self.household_id is None else str(self.household_id)


async def collect_items(reader: FeatureReader, requests: Sequence[PredictRequest], request_id: str) -> list[Item]:
    """Look up the features of those requests that name a household.

    Raises:
        RequestRefusedError: 404 for households that the online store does not know, 503 while the
            warehouse is away.
    """
    began_at = time.perf_counter()
    rows = await _look_up(reader, [request.household_id for request in requests])
    lookup_ms = (time.perf_counter() - began_at) * 1000
    ids = [request_id] if len(requests) == 1 else [f"{request_id}-{index}" for index in range(len(requests))]
    return [
        Item(row_id, request.household_id, request.features or {}, None, 0.0)
        if row is None
        else Item(row_id, request.household_id, row.features, row.as_of_date, lookup_ms)
        for row_id, request, row in zip(ids, requests, rows, strict=True)
    ]


async def _look_up(reader: FeatureReader, household_ids: Sequence[int | None]) -> list[FeatureRow | None]:
    wanted = [household_id for household_id in household_ids if household_id is not None]
    try:
        if len(wanted) == 1:
            found = {wanted[0]: await reader.read(wanted[0])}
        else:
            found = dict(zip(wanted, await asyncio.gather(*map(reader.read, wanted)), strict=True))
    except WarehouseError as error:
        raise RequestRefusedError(
            503, f"Features cannot be looked up: {error} Send the features themselves, or ask again.", 1
        ) from error
    unknown = [household_id for household_id, row in found.items() if row is None]
    if unknown:
        raise RequestRefusedError(
            404,
            f"Household {_list_names(unknown)} is not in online.customer_features: it has no purchase in the "
            "window of the features, or was never materialised. Check the id, or send the features.",
        )
    return [None if household_id is None else found[household_id] for household_id in household_ids]


def check_payload(features: Mapping[str, float | None], needed: AbstractSet[str], known: AbstractSet[str]) -> None:
    """Whether a client sent every feature that is needed, and none that nobody knows.

    Raises:
        RequestRefusedError: 422 that names them.
    """
    names = features.keys()
    if names == needed:
        return
    problems = []
    if missing := sorted(needed - names):
        problems.append(f"missing: {_list_names(missing)}")
    if unknown := sorted(names - known - needed):
        problems.append(f"unknown: {_list_names(unknown)}")
    if problems:
        raise RequestRefusedError(
            422,
            f"The features do not fit the model; {'; '.join(problems)}. "
            f"It takes {len(needed)} features; GET / lists them. Send null for what is undefined.",
        )


def check_lookup(item: Item, needed: AbstractSet[str]) -> None:
    """Whether the online store holds every feature that the champion needs.

    Raises:
        RequestRefusedError: 503 that names those that are missing.
    """
    if missing := sorted(needed - item.features.keys()):
        raise RequestRefusedError(
            503,
            f"online.customer_features has no column {_list_names(missing)}, which the model needs. "
            "Build the features again (build_features), or restore a version that fits them.",
            30,
        )


def _list_names(names: Sequence[object]) -> str:
    shown = ", ".join(map(str, names[:_NAMES_MAX]))
    more = len(names) - _NAMES_MAX
    return f"{shown} and {more} more" if more > 0 else shown
