"""The processes of a stack, known by a random token that each has in its environment from its start on.

A process id alone proves nothing: after a reboot it belongs to somebody else. Everything that a component
starts inherits the token, in whichever process group or session it runs.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from typing import Final

import psutil  # type: ignore[import-untyped]

from include.errors import StackError

TOKEN_VARIABLE: Final = "ORRERY_STACK_TOKEN"  # noqa: S105 - the variable's name
_POLL_S: Final = 0.1
# On a busy machine it takes a while until a killed process is gone.
_KILLED_S: Final = 60.0


def has_token(pid: int, token: str) -> bool:
    """Whether a living process carries the stack's token; a zombie does not."""
    try:
        process = psutil.Process(pid)
        return bool(process.status() != psutil.STATUS_ZOMBIE and process.environ().get(TOKEN_VARIABLE) == token)
    except (psutil.Error, OSError):
        return False


def find_members(token: str, session: int | None = None) -> list[int]:
    """The ids of all living processes with the token, but for the caller and its parent.

    Args:
        session: only those in the session of this leader.
    """
    others = [pid for pid in psutil.pids() if pid not in (os.getpid(), os.getppid())]
    return [pid for pid in others if session in (None, _session_of(pid)) and token and has_token(pid, token)]


def stop_members(token: str, session: int | None = None, grace_s: float = 10.0) -> None:
    """SIGTERM to every member of the stack, SIGKILL to what is left after ``grace_s`` seconds.

    Raises:
        StackError: something survived SIGKILL.
    """
    left: list[int] = []
    for number, wait_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, _KILLED_S)):
        told: set[int] = set()
        deadline = time.monotonic() + wait_s
        while left := find_members(token, session):
            for pid in set(left) - told:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
            told.update(left)
            if time.monotonic() > deadline:
                break
            time.sleep(_POLL_S)
        if not left:
            return
    raise StackError(f"Processes {left} do not end, not even by SIGKILL: the system holds them. Try again later.")


def _session_of(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:
        return -1
