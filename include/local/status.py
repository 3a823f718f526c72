"""How each part of a stack is, right now."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from include.commands.console import read_tail
from include.errors import StackError
from include.local.components import load_plan
from include.local.credentials import find_credentials
from include.local.health import is_healthy
from include.local.home import StackHome, check_disk
from include.local.layout import Stack
from include.local.stack import list_dead
from include.local.state import load_state

Condition = Literal["running", "unhealthy", "dead", "stopped"]
_MIN_FREE_GB: Final = 0.1


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
    """The condition of every component but for jobs; empty if no stack was ever started here."""
    state, credentials = load_state(home), find_credentials(home)
    if credentials is None:
        return []
    dead = list_dead(Stack(home, state.ports, credentials), state)
    lines = []
    for component in load_plan(home):
        process, log = state.processes.get(component.name), home.log(component.name)
        if component.is_job:
            continue
        if process is None or component.name in dead:
            condition: Condition = "dead" if process else "stopped"
            lines.append(ComponentStatus(component.name, condition, None, component.address, log))
        else:
            condition = "running" if is_healthy(component, process.started_at) else "unhealthy"
            lines.append(ComponentStatus(component.name, condition, process.pid, component.address, log))
    return lines


def check_stack(stack: Stack) -> None:
    """Refuse to wait for a stack that cannot go on.

    Raises:
        StackError: a process is gone (the message ends with its log), or the disk is full.
    """
    for name in list_dead(stack, load_state(stack.home)):
        log = stack.home.log(name)
        raise StackError(f"{name} has died. The end of {log}:\n{read_tail(log)}\nStart again with: make down up")
    check_disk(stack.home.path, _MIN_FREE_GB, shutil.disk_usage(stack.home.path).free / 1e9)
