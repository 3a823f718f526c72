"""Waits in the triggerer until sources have delivered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from include.orchestration.sources import open_sources_in_triggerer
from include.settings import load_settings
from include.sources.deliveries import list_missing

log = logging.getLogger(__name__)


class DeliveriesTrigger(BaseTrigger):  # type: ignore[misc]
    """Ends when every source has delivered a day, or at a moment; the event lists what is missing then.

    It holds no secrets: it reads the sources' connections itself.

    Args:
        names: of daily sources; the triggerer must see the same folders and servers as the workers.
        day: as ISO text.
        until: an ISO moment with its zone, so that a triggerer that starts anew waits no longer.
        poll_s: seconds between two looks.
    """

    def __init__(self, names: list[str], day: str, until: str, poll_s: float) -> None:
        super().__init__()
        self.names = names
        self.day = day
        self.until = until
        self.poll_s = poll_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments, for the triggerer that takes it over."""
        arguments = {name: getattr(self, name) for name in ("names", "day", "until", "poll_s")}
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """One event: where the deliveries should be that are still missing."""
        until = datetime.fromisoformat(self.until)
        while missing := await self._list_missing():
            left_s = (until - datetime.now(UTC)).total_seconds()
            if left_s <= 0:
                break
            log.info("Until %s the run waits for %s.", until, ", ".join(missing))
            await asyncio.sleep(min(self.poll_s, left_s))
        yield TriggerEvent(missing)

    async def _list_missing(self) -> list[str]:
        opener = await open_sources_in_triggerer(load_settings().sources, self.names)
        return await asyncio.to_thread(list_missing, opener, self.names, date.fromisoformat(self.day))
