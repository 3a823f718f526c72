"""Events on disk until they are in the warehouse: one file each, whole or not there at all.

An event is written under a draft name, flushed to the disk and renamed; a reader never sees half of
it, and a process that dies leaves nothing but a draft behind. Whoever carries events away holds the
spool's lock, so that there is one carrier at a time, whatever process it runs in.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SUFFIX: Final = ".json"
_DRAFT_SUFFIX: Final = ".draft"
_DRAFT_LIFETIME_S: Final = 3600.0
_LOCK_POLL_S: Final = 0.05
_sequence = itertools.count()


@dataclass(frozen=True)
class Spool:
    """A folder of waiting events, oldest name first."""

    folder: Path

    @property
    def rejected_folder(self) -> Path:
        """Where events go that no store can take, each beside a file with the reason."""
        return self.folder / "rejected"

    def append(self, payload: bytes) -> Path:
        """Keep one event; when this returns it survives a crash of the process and of the machine.

        Raises:
            OSError: the disk is full or the folder cannot be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"{time.time_ns():020d}-{os.getpid()}-{next(_sequence)}-{secrets.token_hex(4)}"
        draft = self.folder / f"{name}{_DRAFT_SUFFIX}"
        try:
            with draft.open("wb") as file:
                file.write(payload)
                file.flush()
                os.fsync(file.fileno())
            return draft.rename(self.folder / f"{name}{_SUFFIX}")
        except OSError:
            draft.unlink(missing_ok=True)
            raise

    def list_waiting(self, limit: int | None = None) -> list[Path]:
        """The oldest waiting events."""
        if not self.folder.is_dir():
            return []
        names = sorted(entry.name for entry in os.scandir(self.folder) if entry.name.endswith(_SUFFIX))
        return [self.folder / name for name in names[:limit]]

    def remove(self, paths: Iterable[Path]) -> None:
        """Forget events that have arrived."""
        for path in paths:
            path.unlink(missing_ok=True)

    def reject(self, path: Path, reason: str) -> None:
        """Put an event aside for a person to look at."""
        self.rejected_folder.mkdir(exist_ok=True)
        (self.rejected_folder / f"{path.stem}.reason.txt").write_text(f"{reason}\n", encoding="utf-8")
        path.rename(self.rejected_folder / path.name)

    def remove_stale_drafts(self) -> None:
        """Remove drafts whose writer died long ago."""
        for draft in self.folder.glob(f"*{_DRAFT_SUFFIX}"):
            if time.time() - draft.stat().st_mtime > _DRAFT_LIFETIME_S:
                draft.unlink(missing_ok=True)

    @contextmanager
    def hold_lock(self, wait_s: float = 0.0) -> Iterator[bool]:
        """Try to be the carrier for the length of the block; whether it worked. Dying frees the lock."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("a") as file:
            deadline = time.monotonic() + wait_s
            while not (is_held := _try_lock(file.fileno())) and time.monotonic() < deadline:
                time.sleep(_LOCK_POLL_S)
            yield is_held

    def pause(self) -> None:
        """Remember, for all processes, that the warehouse was away just now."""
        (self.folder / ".pause").touch()

    def is_paused(self, pause_s: float) -> bool:
        """Whether the warehouse was away less than ``pause_s`` seconds ago."""
        try:
            return time.time() - (self.folder / ".pause").stat().st_mtime < pause_s
        except FileNotFoundError:
            return False


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
