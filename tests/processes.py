"""Processes that a test starts end with the test, also when it is killed."""

from __future__ import annotations

import ctypes
import signal
import sys
from typing import Final

import psutil

_PR_SET_PDEATHSIG: Final = 1


def die_with_parent() -> None:
    """For ``preexec_fn``: the kernel kills the process when the one that started it is gone. Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def is_running(pid: int) -> bool:
    """Whether a process lives; a zombie does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
