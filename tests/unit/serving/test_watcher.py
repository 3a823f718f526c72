"""The watcher never ends, and one model that cannot follow its rollout holds up no other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from include.rollout.state import RolloutState
from include.serving.model_store import ModelStore
from include.serving.warehouse_pool import WarehousePool
from include.serving.watcher import RolloutWatcher
from tests.unit.serving.live_server import Shelf

NOW = datetime.now(UTC)


class Rollouts(WarehousePool):
    """Answers like the warehouse's pool; ``fail`` may raise first."""

    def __init__(self, names: tuple[str, ...], fail: Callable[[], None] = lambda: None) -> None:
        super().__init__("", 1, 1.0, "test")
        self.versions = dict.fromkeys(names, 1)
        self.fail = fail

    async def fetch_all(self, _sql: str, _parameters: Any) -> list[dict[str, Any]]:
        """Every rollout."""
        self.fail()
        return [
            {
                "model_name": name, "champion_version": version, "challenger_version": None, "challenger_weight": 0.0,
                "stage": "idle", "row_version": 1, "updated_at": NOW,
            }
            for name, version in self.versions.items()
        ]  # fmt: skip


class BrokenStore(ModelStore):
    """A store that cannot follow while ``is_broken``."""

    is_broken = True

    def apply(self, state: RolloutState) -> None:
        """See :class:`ModelStore`."""
        if self.is_broken:
            raise KeyError("timestamp")
        super().apply(state)


def make_store(store_type: type[ModelStore], shelf: Shelf, name: str) -> ModelStore:
    """A store that waits for no other."""
    return store_type(partial(shelf.load, name), asyncio.Semaphore(4))


def give(**stores: ModelStore) -> Callable[[], Awaitable[dict[str, ModelStore]]]:
    """Stores that stay the same."""

    async def read_stores() -> dict[str, ModelStore]:
        return stores

    return read_stores


def test_a_store_that_cannot_follow_holds_up_no_other_and_says_so(
    shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        broken, good = make_store(BrokenStore, shelf, "grade"), make_store(ModelStore, shelf, "units")
        watcher = RolloutWatcher(Rollouts(("grade", "units")), give(grade=broken, units=good), 0.01)
        watching = asyncio.create_task(watcher.run())
        while good.routing.champion is None:
            assert not watching.done()
            await asyncio.sleep(0.01)
        assert "KeyError" in broken.reason
        assert broken.failure == broken.reason
        assert broken.is_settled
        broken.is_broken = False  # type: ignore[attr-defined]
        while broken.routing.champion is None:
            await asyncio.sleep(0.01)
        assert broken.failure is None
        assert "KeyError" not in broken.reason
        watching.cancel()

    with caplog.at_level(logging.WARNING):
        asyncio.run(run())
    assert [record.getMessage() for record in caplog.records if "'grade'" in record.getMessage()] == [
        "Model 'grade' does not follow its rollout: KeyError: 'timestamp'. What answers now goes on answering."
    ]


@pytest.mark.parametrize("error", [RuntimeError("set changed size"), asyncio.CancelledError()])
def test_a_look_that_fails_is_logged_once_and_followed_by_the_next(
    shelf: Shelf, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    failures = iter([error, error])

    def fail(*_arguments: Any) -> None:
        for failure in failures:
            raise failure

    async def run() -> None:
        store = make_store(ModelStore, shelf, "units")
        watcher = RolloutWatcher(Rollouts(("units",), fail), give(units=store), 0.01)
        if isinstance(error, Exception):
            watcher = RolloutWatcher(Rollouts(("units",)), give(units=store), 0.01)
            monkeypatch.setattr(watcher, "_report_undeclared", fail)
        watching = asyncio.create_task(watcher.run())
        while not (watcher.is_reachable and store.routing.champion is not None and next(failures, None) is None):
            assert not watching.done()
            await asyncio.sleep(0.01)
        watching.cancel()
        await asyncio.wait({watching})
        assert watching.cancelled()

    with caplog.at_level(logging.WARNING):
        asyncio.run(run())
    assert len([record for record in caplog.records if "rollouts could not be followed" in record.getMessage()]) == 1
