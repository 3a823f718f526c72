"""Ends a process together with the one that asked for it, however that one ends: by SIGKILL, too.

Run as a script, with the standard library alone, it starts a command and reads its standard input, whose
writing end only the asking process has. When the input ends, or on SIGTERM, it ends the command. One byte
in the input releases the command: it goes on, and the script ends.
"""

from __future__ import annotations

import argparse
import os
import select
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_POLL_S = 0.1


@dataclass(frozen=True)
class Leash:
    """The hold on a started command; it ends when this process does."""

    process: subprocess.Popen[bytes]

    def poll(self) -> int | None:
        """The exit code of the command once it has ended (128 + the number of the signal), or None."""
        return self.process.poll()

    def end(self) -> None:
        """End the command; returns when it has ended."""
        self._close(b"")

    def release(self) -> None:
        """Let the command go on without this process."""
        self._close(b".")

    def _close(self, last_word: bytes) -> None:
        assert self.process.stdin is not None  # noqa: S101 - for the type checker
        with suppress(BrokenPipeError):
            self.process.stdin.write(last_word)
            self.process.stdin.close()
        self.process.wait()


def start_leashed(
    command: Sequence[str], log: Path, *, signals: str = "TERM,KILL", grace_s: float = 10.0,
    owner: tuple[int, int] | None = None, environment: Mapping[str, str] | None = None, cwd: Path | None = None,
) -> Leash:  # fmt: skip
    """Start a command that ends with this process, in a session of its own, writing to ``log``.

    Args:
        signals: how it is ended, one after another, ``grace_s`` seconds apart.
        owner: user and group id to run it as.
    """
    script = [sys.executable, "-IS", __file__, "--signals", signals, "--grace", str(grace_s)]
    identity = ["--owner", *map(str, owner)] if owner else []
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*script, *identity, "--", *command], stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT,
            env=environment, cwd=cwd, start_new_session=True,
        )  # fmt: skip
    return Leash(process)


def run_as(owner: Sequence[int] | None) -> dict[str, Any]:
    """The arguments of subprocess for another user."""
    return {"user": owner[0], "group": owner[1], "extra_groups": []} if owner else {}


def main() -> int:
    """Hold the command until the input ends; its exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--signals", required=True)
    parser.add_argument("--grace", type=float, required=True)
    parser.add_argument("--owner", type=int, nargs=2)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    child = subprocess.Popen(options.command, stdin=subprocess.DEVNULL, start_new_session=True, **run_as(options.owner))
    is_released = False
    try:
        while child.poll() is None and not select.select([0], [], [], _POLL_S)[0]:
            pass
        is_released = child.poll() is None and bool(os.read(0, 1))
    finally:
        if not is_released:
            end(child, options.signals.split(","), options.grace)
    return 0 if is_released else child.returncode if child.returncode >= 0 else 128 - child.returncode


def end(child: subprocess.Popen[bytes], signals: Sequence[str], grace_s: float) -> None:
    """Send the signals one after another until the child has ended; KILL goes to its process group."""
    for name in signals:
        if child.poll() is None:
            send = os.killpg if name == "KILL" else os.kill
            send(child.pid, signal.Signals[f"SIG{name}"])
            with suppress(subprocess.TimeoutExpired):
                child.wait(grace_s)


if __name__ == "__main__":
    sys.exit(main())
