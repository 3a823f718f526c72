"""Waits in the triggerer until sources have delivered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from include.orchestration.sources import open_sources_in_triggerer
from include.settings import load_settings
from include.sources.deliveries import Look, look_for

log = logging.getLogger(__name__)


class DeliveriesTrigger(BaseTrigger):  # type: ignore[misc]
    """Ends when every source has delivered a day, or at a moment; the event lists what is missing or changing then.

    A delivery that was changed just now may be written still. It is waited for until it is ``poll_s`` old, or two looks
    have found it the same.

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
        """One event: where the deliveries are that are still waited for."""
        until = datetime.fromisoformat(self.until)
        before = None
        while True:
            look = await self._look()
            waited_for = look.list_waited_for(before, datetime.now(UTC) - timedelta(seconds=self.poll_s))
            left_s = (until - datetime.now(UTC)).total_seconds()
            if not waited_for or left_s <= 0:
                break
            log.info("Until %s the run waits for %s.", until, ", ".join(waited_for))
            await asyncio.sleep(min(self.poll_s, left_s))
            before = look
        yield TriggerEvent(waited_for)

    async def _look(self) -> Look:
        opener = await open_sources_in_triggerer(load_settings().sources, self.names)
        return await asyncio.to_thread(look_for, opener, self.names, date.fromisoformat(self.day))
