"""Where the servers of tests keep their data: in memory where the machine has room for it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil

_MEMORY: Final = Path("/dev/shm")
_ROOMY_BYTES: Final = 6 << 30


@contextmanager
def server_folder(name: str) -> Iterator[Path]:
    """A folder for the length of the block, outside of pytest's own, whose permissions another session may reset.

    A test's database is made of a thousand files, and most tests make one. Containers have little memory of this
    kind: there, and on other systems, the folder is where temporary files are.
    """
    base = _MEMORY if is_roomy(_MEMORY) else Path(tempfile.gettempdir())
    remove_left_over(base)
    folder = Path(tempfile.mkdtemp(prefix=f"orrery-{name}-{os.getpid()}-", dir=base))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def is_roomy(base: Path) -> bool:
    """Whether the tests of three workers fit."""
    memory = psutil.virtual_memory().available
    return base.exists() and min(shutil.disk_usage(base).free, memory) >= _ROOMY_BYTES


def remove_left_over(base: Path) -> None:
    """Remove what runs that were killed have left."""
    for folder in base.glob("orrery-*-*-*"):
        pid = folder.name.split("-")[2]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)
