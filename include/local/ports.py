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


def is_free_port(port: int, host: str = HOST) -> bool:
    """Whether nothing listens on ``port`` right now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        if probe.connect_ex((host, port)) == 0:
            return False
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def find_free_port(preferred: int = 0, taken: Collection[int] = ()) -> int:
    """``preferred`` if it is free, else the next free port above it (any port for 0)."""
    if preferred == 0:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((HOST, 0))
            return int(probe.getsockname()[1])
    port = preferred
    while port in taken or not is_free_port(port):
        port += 1
    return port


@contextmanager
def reserve_ports(preferred: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """A free port for each name, kept from other stacks of this machine for the length of the block.

    Between choosing a port and the moment at which its server listens, seconds pass; a second stack that
    starts meanwhile would choose the same one. Each choice therefore holds a lock file in the system's
    temporary folder.
    """
    with ExitStack() as held:
        chosen: dict[str, int] = {}
        for name, port in preferred.items():
            candidate = find_free_port(port, chosen.values())
            while not _hold_port(candidate, held):
                candidate = find_free_port(candidate + 1, chosen.values())
            chosen[name] = candidate
        yield chosen


def _hold_port(port: int, held: ExitStack) -> bool:
    folder = Path(tempfile.gettempdir()) / f"orrery-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    descriptor = os.open(folder / str(port), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    held.callback(os.close, descriptor)
    return True
