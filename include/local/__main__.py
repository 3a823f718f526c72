"""Entry point of ``python -m include.local``."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType


def run() -> int:
    """Run the command line; Ctrl-C, SIGTERM and a reader that goes away (``| head``) end it quietly."""
    signal.signal(signal.SIGTERM, interrupt)
    try:
        from include.local.cli import main

        return main()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def interrupt(_: int, __: FrameType | None) -> None:
    """Do on SIGTERM, as from ``timeout`` or a cancelled CI job, what Ctrl-C does."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(run())
