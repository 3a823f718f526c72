"""How the commands of the project end, and what those of the stack say."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType
from typing import Final

from include.errors import OrreryError

INTERRUPTED: Final = 130
NAMES_LISTED: Final = 5


def say(line: str = "") -> None:
    """Write one line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class Pace:
    """Says how far long work has come, at most once in so many seconds."""

    def __init__(self, tell: Callable[[str], None], every_s: float = 10.0) -> None:
        self.tell = tell
        self.every_s = every_s
        self._told_at = time.monotonic()

    def say(self, line: str) -> None:
        """Say a line, if the last one is long ago."""
        if time.monotonic() >= self._told_at + self.every_s:
            self._told_at = time.monotonic()
            self.tell(line)


def list_some(names: Iterable[str], most: int = NAMES_LISTED) -> str:
    """The first few names, and how many more there are."""
    listed = list(names)
    more = len(listed) - most
    return ", ".join(listed[:most]) + (f" and {more} more" if more > 0 else "")


def read_tail(log: Path, lines: int = 20) -> str:
    """The last lines of a log file, indented; a word instead if it is empty or absent."""
    content = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return "\n".join(f"  {line}" for line in content[-lines:]) or "  (the log is empty)"


def run_command(main: Callable[[], int]) -> int:
    """Run a command line; Ctrl-C, SIGTERM, a reader that goes away (``| head``) and our own errors end it quietly.

    Returns:
        the exit code: 130 when it was interrupted, 1 for an error, whose message is printed.
    """
    signal.signal(signal.SIGTERM, interrupt)
    try:
        return main()
    except OrreryError as error:
        say(f"✘ {error}")
        return 1
    except KeyboardInterrupt:
        say("Interrupted.")
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def interrupt(_: int, __: FrameType | None) -> None:
    """Do on SIGTERM, as from ``timeout`` or a cancelled CI job, what Ctrl-C does."""
    raise KeyboardInterrupt
