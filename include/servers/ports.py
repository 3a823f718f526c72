"""Free loopback ports."""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

HOST = "127.0.0.1"


def is_free_port(port: int) -> bool:
    """Whether nothing listens on ``port`` right now, on this address or on all."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        if probe.connect_ex((HOST, port)) == 0:
            return False
    try:
        socket.create_server((HOST, port)).close()
    except OSError:
        return False
    return True


def find_free_port(preferred: int = 0, taken: Collection[int] = ()) -> int:
    """``preferred`` if it is free, else the next free port above it (any port for 0)."""
    if preferred == 0:
        with socket.create_server((HOST, 0)) as probe:
            return int(probe.getsockname()[1])
    while preferred in taken or not is_free_port(preferred):
        preferred += 1
    return preferred


@contextmanager
def reserve_ports(preferred: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """A free port for each name, kept from other stacks of this machine for the length of the block.

    Between choosing a port and the moment at which its server listens, seconds pass. Each choice
    therefore holds a lock file in the system's temporary folder.
    """
    folder = Path(tempfile.gettempdir()) / f"orrery-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    with ExitStack() as held:
        chosen: dict[str, int] = {}
        for name, port in preferred.items():
            chosen[name] = find_free_port(port, chosen.values())
            while not _hold_port(folder / str(chosen[name]), held):
                chosen[name] = find_free_port(chosen[name] + 1, chosen.values())
        yield chosen


def _hold_port(lock: Path, held: ExitStack) -> bool:
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    held.callback(os.close, descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
