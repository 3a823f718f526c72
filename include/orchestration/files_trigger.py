"""Waits in the triggerer until files are there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

log = logging.getLogger(__name__)


class FilesTrigger(BaseTrigger):  # type: ignore[misc]
    """Ends when every file is there, or at a moment; the event lists the files that are missing then.

    Args:
        paths: of the files; the triggerer must see the same folders as the workers.
        until: an ISO moment with its zone, so that a triggerer that starts anew waits no longer.
        poll_s: seconds between two looks.
    """

    def __init__(self, paths: list[str], until: str, poll_s: float) -> None:
        super().__init__()
        self.paths = paths
        self.until = until
        self.poll_s = poll_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments, for the triggerer that takes it over."""
        arguments = {name: getattr(self, name) for name in ("paths", "until", "poll_s")}
        return f"{type(self).__module__}.{type(self).__qualname__}", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """One event: the files that are still missing."""
        until = datetime.fromisoformat(self.until)
        while missing := await asyncio.to_thread(self._list_missing):
            left_s = (until - datetime.now(UTC)).total_seconds()
            if left_s <= 0:
                break
            log.info("Until %s the run waits for %s.", until, ", ".join(missing))
            await asyncio.sleep(min(self.poll_s, left_s))
        yield TriggerEvent(missing)

    def _list_missing(self) -> list[str]:
        return [path for path in self.paths if not Path(path).exists()]
