"""The store follows the rollout, and what cannot be loaded replaces nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from include.rollout.state import RolloutState
from include.serving.loader import ServedModel
from include.serving.model_store import ModelStore
from tests.unit.serving.live_server import MODEL, Shelf


def make_store(load: Callable[[str, int], ServedModel]) -> ModelStore:
    """A store that waits for no other."""
    return ModelStore(partial(load, MODEL), asyncio.Semaphore(4))


def make_state(champion: int, challenger: int | None = None, weight: float = 0.0) -> RolloutState:
    """A rollout as it is read."""
    stage = "idle" if challenger is None else "canary"
    return RolloutState(MODEL, champion, challenger, weight, stage, 1, datetime.now(UTC))  # type: ignore[arg-type]


async def settle(is_met: Callable[[], bool]) -> None:
    """Let the loading threads report."""
    while not is_met():
        await asyncio.sleep(0.01)


def test_a_promotion_swaps_a_model_that_is_loaded_already(shelf: Shelf) -> None:
    async def run() -> None:
        store = make_store(shelf.load)
        assert "not been read" in store.reason
        store.apply(make_state(1, challenger=2, weight=0.5))
        await settle(lambda: store.routing.challenger is not None and store.routing.champion is not None)
        before = store.routing
        store.apply(make_state(2))
        assert store.routing.champion is before.challenger
        assert store.routing.challenger_version is None
        assert before.champion is not None
        assert before.champion.version == 1

    asyncio.run(run())


def test_the_old_champion_answers_until_the_new_one_is_loaded(shelf: Shelf) -> None:
    may_load = threading.Event()

    def load(model_name: str, version: int) -> ServedModel:
        if version == 2:
            may_load.wait()
        return shelf.load(model_name, version)

    async def run() -> None:
        store = make_store(load)
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


def test_a_champion_that_cannot_be_loaded_replaces_nothing_and_recovers(shelf: Shelf) -> None:
    shelf.files[2] = "corrupt"

    async def run() -> None:
        store = make_store(shelf.load)
        store.apply(make_state(1))
        await settle(lambda: store.routing.champion is not None)

        def find_status() -> str:
            store.apply(make_state(2))
            return next(slot.status for slot in store.slots if slot.version == 2)

        await settle(lambda: find_status() == "failed")
        assert store.routing.champion is not None
        assert store.routing.champion.version == 1
        assert "corrupt.onnx is no ONNX model" in next(slot.reason for slot in store.slots if slot.version == 2)
        shelf.files[2] = "other"
        await settle(lambda: find_status() == "ready")
        assert store.routing.champion.version == 2

    asyncio.run(run())


def test_a_challenger_is_failed_only_after_three_attempts(shelf: Shelf) -> None:
    attempts: list[int] = []

    def load(model_name: str, version: int) -> ServedModel:
        if version == 2:
            attempts.append(version)
            raise OSError("connection reset")
        return shelf.load(model_name, version)

    async def run() -> None:
        store = make_store(load)

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
        store = make_store(shelf.load)
        store.apply(make_state(1))
        for version in (2, 3, 4):
            store.stage(version)
            await settle(lambda version=version: store.stage(version).model is not None)  # type: ignore[misc]
        store.apply(make_state(1))
        assert sorted(slot.version for slot in store.slots) == [1, 3, 4]

    asyncio.run(run())


def test_a_version_that_nobody_wants_any_more_is_not_loaded(shelf: Shelf) -> None:
    may_load, loaded = threading.Event(), []

    def load(model_name: str, version: int) -> ServedModel:
        loaded.append(version)
        may_load.wait()
        return shelf.load(model_name, 1)

    async def run() -> None:
        store = ModelStore(partial(load, MODEL), asyncio.Semaphore(1))
        store.apply(make_state(1))
        await settle(lambda: loaded == [1])
        for version in range(2, 300):
            store.stage(version)
        store.apply(make_state(1))
        may_load.set()
        await settle(lambda: {slot.version for slot in store.slots if slot.status == "ready"} == {1, 298, 299})

    asyncio.run(run())
    assert loaded == [1, 298, 299]
