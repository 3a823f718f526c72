"""Free loopback ports."""

from __future__ import annotations

import socket
from collections.abc import Collection


def is_free_port(port: int, host: str = "127.0.0.1") -> bool:
    """Whether nothing listens on ``port`` right now."""
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
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])
    port = preferred
    while port in taken or not is_free_port(port):
        port += 1
    return port
