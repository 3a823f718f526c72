"""How each part of a stack is, right now."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from include.errors import StackError
from include.local.credentials import find_credentials
from include.local.home import StackHome
from include.local.launcher import read_tail
from include.local.stack import Stack
from include.local.state import load_state

Condition = Literal["running", "unhealthy", "dead", "stopped"]
POSTGRES: Final = "postgres"
_MIN_FREE_MB: Final = 100


@dataclass(frozen=True)
class ComponentStatus:
    """One line of ``make status``.

    ``dead``: it was started and its process is gone. ``unhealthy``: the process lives and does not
    answer as it should. ``stopped``: it was not started.
    """

    name: str
    condition: Condition
    pid: int | None
    address: str
    log: Path


def read_status(home: StackHome) -> list[ComponentStatus]:
    """The condition of every component; empty if no stack was ever started here."""
    state, credentials = load_state(home), find_credentials(home)
    if credentials is None or not state.ports:
        return []
    stack = Stack(home, state.ports, credentials)
    was_started = bool(state.processes)
    lines = [_read_postgres(stack, was_started=was_started)]
    for component in stack.components():
        record = state.processes.get(component.name)
        log = home.log(component.name)
        if record is None or not record.is_alive():
            condition: Condition = "dead" if record else "stopped"
            lines.append(ComponentStatus(component.name, condition, None, component.address, log))
        else:
            condition = "running" if component.check(record) else "unhealthy"
            lines.append(ComponentStatus(component.name, condition, record.pid, component.address, log))
    return lines


def check_stack(stack: Stack) -> None:
    """Refuse to wait for a stack that cannot go on.

    Raises:
        StackError: a process is gone (the message ends with its log), or the disk is full.
    """
    home = stack.home
    logs = {name: home.log(name) for name, record in load_state(home).processes.items() if not record.is_alive()}
    if stack.server.pid is None:
        logs = {POSTGRES: stack.server.log_path, **logs}
    for name, log in logs.items():
        raise StackError(f"{name} has died. The end of {log}:\n{read_tail(log)}\nStart again with: make down up")
    free_mb = shutil.disk_usage(home.path).free / 1e6
    if free_mb < _MIN_FREE_MB:
        raise StackError(
            f"The disk of {home.path} is full, {free_mb:.0f} MB are free. Free some space and start again."
        )


def _read_postgres(stack: Stack, *, was_started: bool) -> ComponentStatus:
    server = stack.server
    address = f"postgresql://postgres@127.0.0.1:{stack.ports[POSTGRES]}/warehouse"
    if server.pid is None:
        return ComponentStatus(POSTGRES, "dead" if was_started else "stopped", None, address, server.log_path)
    return ComponentStatus(
        POSTGRES, "running" if _accepts(stack) else "unhealthy", server.pid, address, server.log_path
    )


def _accepts(stack: Stack) -> bool:
    import psycopg

    try:
        with psycopg.connect(stack.uris.warehouse, connect_timeout=3) as connection:
            return connection.execute("select 1").fetchone() == (1,)
    except psycopg.Error:
        return False
