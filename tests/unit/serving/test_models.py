"""The store follows the rollout, and what cannot be loaded replaces nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from include.rollout.state import RolloutState
from include.serving.loader import ServedModel
from include.serving.models import ModelStore
from tests.unit.serving.live_server import Shelf


def make_state(champion: int, challenger: int | None = None, weight: float = 0.0) -> RolloutState:
    """A rollout as it is read."""
    stage = "idle" if challenger is None else "canary"
    return RolloutState("churn", champion, challenger, weight, stage, 1, datetime.now(UTC))


async def settle(is_met: Callable[[], bool]) -> None:
    """Let the loading threads report."""
    for _ in range(1000):
        if is_met():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the store did not settle")


def test_a_store_without_a_rollout_says_why(shelf: Shelf) -> None:
    async def run() -> None:
        store = ModelStore(shelf.load)
        assert store.routing.champion is None
        assert "not been read" in store.reason
        store.note_no_rollout("the warehouse is away")
        assert store.reason == "the warehouse is away"

    asyncio.run(run())


def test_a_promotion_swaps_a_model_that_is_loaded_already(shelf: Shelf) -> None:
    async def run() -> None:
        store = ModelStore(shelf.load)
        store.apply(make_state(1, challenger=2, weight=0.5))
        await settle(lambda: store.routing.challenger is not None and store.routing.champion is not None)
        before = store.routing
        challenger = before.challenger
        store.apply(make_state(2))
        assert store.routing.champion is challenger
        assert store.routing.challenger_version is None
        assert before.champion is not None
        assert before.champion.version == 1

    asyncio.run(run())


def test_the_old_champion_answers_until_the_new_one_is_loaded(shelf: Shelf) -> None:
    may_load = threading.Event()

    def load(version: int) -> ServedModel:
        if version == 2:
            may_load.wait(30)
        return shelf.load(version)

    async def run() -> None:
        store = ModelStore(load)
        store.apply(make_state(1))
        await settle(lambda: store.routing.champion is not None)
        store.apply(make_state(2))
        store.apply(make_state(2))
        assert store.routing.champion is not None
        assert store.routing.champion.version == 1
        may_load.set()
        await settle(lambda: store.routing.champion is not None and store.routing.champion.version == 2)
        store.apply(make_state(2))
        assert [slot.version for slot in store.slots] == [2]

    asyncio.run(run())


def test_a_champion_that_cannot_be_loaded_replaces_nobody(shelf: Shelf) -> None:
    shelf.files[2] = "corrupt"

    async def run() -> None:
        store = ModelStore(shelf.load)
        store.apply(make_state(1))
        await settle(lambda: store.routing.champion is not None)

        def has_failed() -> bool:
            store.apply(make_state(2))
            return any(slot.status == "failed" for slot in store.slots)

        await settle(has_failed)
        assert store.routing.champion is not None
        assert store.routing.champion.version == 1
        failed = next(slot for slot in store.slots if slot.version == 2)
        assert "corrupt.onnx is no ONNX model" in failed.reason

    asyncio.run(run())


def test_a_failed_version_is_tried_again_and_recovers(shelf: Shelf) -> None:
    shelf.is_away = True

    async def run() -> None:
        store = ModelStore(shelf.load)

        def look() -> str:
            store.apply(make_state(1))
            return next(slot.status for slot in store.slots)

        await settle(lambda: look() == "failed")
        assert "There is no version 1" in store.reason
        shelf.is_away = False
        await settle(lambda: look() == "ready")
        assert store.routing.champion is not None

    asyncio.run(run())


def test_a_challenger_is_failed_only_after_three_attempts(shelf: Shelf) -> None:
    attempts: list[int] = []

    def load(version: int) -> ServedModel:
        if version == 2:
            attempts.append(version)
            raise OSError("connection reset")
        return shelf.load(version)

    async def run() -> None:
        store = ModelStore(load)

        def has_failed() -> bool:
            store.apply(make_state(1, challenger=2, weight=0.5))
            return store.routing.challenger_failure is not None

        await settle(has_failed)
        assert len(attempts) == 3
        assert store.routing.challenger is None
        assert "OSError: connection reset" in (store.routing.challenger_failure or "")

    asyncio.run(run())


def test_staging_keeps_two_versions_and_forgets_the_oldest(shelf: Shelf) -> None:
    shelf.files |= {3: "good", 4: "good"}

    async def run() -> None:
        store = ModelStore(shelf.load)
        store.apply(make_state(1))
        for version in (2, 3, 4):
            store.stage(version)
            await settle(lambda version=version: store.stage(version).model is not None)  # type: ignore[misc]
        store.apply(make_state(1))
        assert sorted(slot.version for slot in store.slots) == [1, 3, 4]

    asyncio.run(run())
