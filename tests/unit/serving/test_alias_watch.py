"""An alias that somebody changes in MLflow is said, and changes no answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from itertools import count

import httpx
import pytest

from include.errors import RegistryError, WarehouseError
from include.registry.ledger import require_version
from include.registry.registry import CHAMPION, set_alias
from include.serving.alias_watch import AliasWatch, make_stray_finder
from include.warehouse.session import open_session
from tests.unit.registry.conftest import (
    MakeResult,
    classifier,
    make_result,
    mlflow_server,
    model_name,
    onnx_bytes,
    tracking_uri,
)
from tests.unit.registry.planting import register

__all__ = ["classifier", "make_result", "mlflow_server", "model_name", "onnx_bytes", "tracking_uri"]


def watch(find_stray: Callable[[str, int], str | None], looks: int) -> AliasWatch:
    """A watch after so many looks at one model whose champion is version 2."""
    watched, number = AliasWatch(find_stray, 0.0), count()

    async def run() -> None:
        done = asyncio.Event()

        def read_champions() -> dict[str, int]:
            if next(number) == looks:
                done.set()
                return {}
            return {"failures": 2}

        watching = asyncio.create_task(watched.run(read_champions))
        await done.wait()
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching

    asyncio.run(run())
    return watched


def test_what_two_looks_have_seen_alike_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    watched = watch(lambda *_: "is at run r9", 5)
    assert watched.strays == {"failures": "is at run r9, and the champion is version 2"}
    [line] = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert "alias 'champion' of 'failures' is at run r9" in line
    assert "run failures.rollback_model with version 2" in line


def test_a_promotion_that_is_under_way_is_not_said(caplog: pytest.LogCaptureFixture) -> None:
    answers = iter(["is at run r1", None, None])
    assert watch(lambda *_: next(answers), 3).strays == {}
    assert not caplog.records


def test_an_alias_that_is_set_right_is_said_too(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    answers = iter(["is at no version", "is at no version", None])
    assert watch(lambda *_: next(answers), 3).strays == {}
    assert [record.levelno for record in caplog.records if "alias" in record.getMessage()] == [
        logging.WARNING, logging.INFO,
    ]  # fmt: skip


@pytest.mark.parametrize("away", [RegistryError("MLflow is away"), WarehouseError("the warehouse is away")])
def test_while_a_store_is_away_what_was_known_stands(away: Exception) -> None:
    looks = count()

    def find(*_: object) -> str | None:
        if next(looks) >= 2:
            raise away
        return "is at run r9"

    assert set(watch(find, 5).strays) == {"failures"}


def test_an_alias_in_a_real_registry_is_compared_by_its_run(
    warehouse_uri: str, tracking_uri: str, model_name: str, make_result: MakeResult
) -> None:
    first, second = (register(warehouse_uri, tracking_uri, model_name, make_result()) for _ in range(2))
    find = make_stray_finder(warehouse_uri, tracking_uri)
    assert find(model_name, first) == "is at no version"
    with open_session(warehouse_uri) as session:
        set_alias(session, tracking_uri, CHAMPION, require_version(session, model_name, first))
        other = require_version(session, model_name, second)
    assert find(model_name, first) is None
    moved = {"name": model_name, "alias": CHAMPION, "version": str(second)}
    httpx.post(f"{tracking_uri}/api/2.0/mlflow/registered-models/alias", json=moved).raise_for_status()
    assert find(model_name, first) == f"is at run {other.run_id}"
