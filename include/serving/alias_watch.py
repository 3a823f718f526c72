"""Says so when MLflow's alias ``champion`` is not at the champion: somebody has moved or deleted it there.

It changes no answer: the champion is that of ``serving.rollouts``. But whoever opens ``models:/NAME@champion`` gets
another model.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from include.errors import RegistryError, WarehouseError
from include.registry.ledger import require_version
from include.registry.registry import CHAMPION, find_alias_run
from include.serving.workers import run_in_daemon_thread
from include.warehouse.session import open_session

log = logging.getLogger(__name__)

FindStray = Callable[[str, int], str | None]
"""Where the alias of a model is instead of at its champion, by the model's name and the champion's number, in words."""


def make_stray_finder(uri: str, tracking_uri: str) -> FindStray:
    """Compares the run behind MLflow's alias with the champion's in ``ml.versions``."""

    def find_stray(model_name: str, version: int) -> str | None:
        with open_session(uri) as session:
            champion = require_version(session, model_name, version)
        run_id = find_alias_run(tracking_uri, model_name, CHAMPION)
        if run_id == champion.run_id:
            return None
        return "is at no version" if run_id is None else f"is at run {run_id or 'of nobody'}"

    return find_stray


class AliasWatch:
    """Looks at the alias of every served model at every interval."""

    def __init__(self, find_stray: FindStray, interval_s: float) -> None:
        self._find_stray = find_stray
        self._interval_s = interval_s
        self._seen: dict[str, str] = {}
        self.strays: dict[str, str] = {}
        """What is wrong, by model, in words."""

    async def run(self, read_champions: Callable[[], Mapping[str, int]]) -> None:
        """Look at every interval, until this task is cancelled.

        Args:
            read_champions: the number of each model's champion.
        """
        while True:
            await asyncio.sleep(self._interval_s)
            for name, version in read_champions().items():
                await self._look(name, version)

    async def _look(self, name: str, version: int) -> None:
        try:
            found = await run_in_daemon_thread(lambda: self._find_stray(name, version), f"alias-{name}")
        except (RegistryError, WarehouseError):  # nothing is known meanwhile; other parts say who is away
            return
        # A promotion moves the alias a moment after the rollout: what two looks have seen alike is no such moment.
        text = f"{found}, and the champion is version {version}" if found else ""
        is_same, self._seen[name] = text == self._seen.get(name, ""), text
        if not text:
            if self.strays.pop(name, None):
                log.info("MLflow's alias %r of %r is at the champion again.", CHAMPION, name)
        elif is_same and self.strays.get(name) != text:
            self.strays[name] = text
            log.warning(
                "MLflow's alias %r of %r %s: somebody has changed it. The champion goes on answering. To set the alias "
                "right, run %s.rollback_model with version %d.",
                CHAMPION, name, text, name, version,
            )  # fmt: skip
