"""Processes that outlive the command that started them: known again by pid and start time, ended by session.

Every component leads a session of its own. Airflow puts each task into a process group of its own, so a
group is not enough to find all that a component has started; its session is.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import psutil  # type: ignore[import-untyped]

from include.errors import StackError

TOKEN_VARIABLE: Final = "ORRERY_STACK_TOKEN"  # noqa: S105 - the variable's name
_CLOCK_TOLERANCE_S: Final = 2.0
_POLL_S: Final = 0.1


@dataclass(frozen=True)
class ProcessRecord:
    """One started component: the session's leader, and when it started (seconds since the epoch)."""

    name: str
    pid: int
    created_at: float
    token: str

    def is_alive(self) -> bool:
        """Whether this very process still runs: a zombie does not, and a recycled pid is another process."""
        process = find_process(self.pid)
        return process is not None and self.is_same(process)

    def is_same(self, process: psutil.Process) -> bool:
        """Whether ``process`` is the recorded one.

        The start time decides. After a change of the system's clock it no longer fits; then the stack's
        random token in the process's environment decides.
        """
        try:
            if abs(process.create_time() - self.created_at) < _CLOCK_TOLERANCE_S:
                return True
            return bool(process.environ().get(TOKEN_VARIABLE) == self.token)
        except psutil.Error:
            return False


def find_process(pid: int) -> psutil.Process | None:
    """The living process with this id; None for a zombie or no process."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process
    except psutil.Error:
        return None


def record_process(name: str, pid: int, token: str) -> ProcessRecord:
    """Remember a process that was just started; one that is already gone is remembered as never alive."""
    try:
        created_at = psutil.Process(pid).create_time()
    except psutil.Error:
        created_at = 0.0
    return ProcessRecord(name, pid, created_at, token)


def find_members(records: Iterable[ProcessRecord], token: str = "") -> list[psutil.Process]:
    """All living processes in the sessions of the records, and all that carry the stack's token.

    A session whose leader is not the recorded process belongs to somebody else. The calling process is
    never among the members.
    """
    by_session = {record.pid: record for record in records}
    members = []
    for process in psutil.process_iter():
        record = by_session.get(_session_of(process.pid))
        is_ours = (record is not None and record.is_alive()) or (bool(token) and has_token(process, token))
        if is_ours and process.pid != os.getpid() and find_process(process.pid) is not None:
            members.append(process)
    return members


def _session_of(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:
        return -1


def has_token(process: psutil.Process, token: str) -> bool:
    """Whether a process carries the stack's token in its environment."""
    try:
        return bool(process.environ().get(TOKEN_VARIABLE) == token)
    except psutil.Error:
        return False


def stop_processes(records: Iterable[ProcessRecord], token: str = "", grace_s: float = 10.0) -> None:
    """TERM to every member of the stack (see :func:`find_members`), KILL to what is left after ``grace_s``.

    Raises:
        StackError: something survived SIGKILL.
    """
    wanted = list(records)
    known = set(find_members(wanted, token))
    for number, wait_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, 10.0)):
        _signal(known, number)
        deadline = time.monotonic() + wait_s
        while known and time.monotonic() < deadline:
            time.sleep(_POLL_S)
            # A member stays known after its session's leader is gone; what it starts meanwhile is found.
            known = {process for process in known if _is_living(process)} | set(find_members(wanted, token))
        if not known:
            return
    left = ", ".join(str(process.pid) for process in known)
    raise StackError(f"Processes {left} do not end, not even by SIGKILL: the system holds them. Try again later.")


def _is_living(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _signal(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.Error:
            continue
