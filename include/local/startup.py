"""Waits for a stack that is being started: as long as something moves, and with a name when something fails."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import psutil  # type: ignore[import-untyped]

from include.commands.console import read_tail
from include.errors import StackError
from include.local.components import Component
from include.local.health import is_healthy
from include.local.home import StackHome
from include.local.state import StartedProcess, load_state
from include.servers.leash import Leash

KEEPER: Final = "keeper"
STALLED_AFTER_S: Final = 300.0
_WORKING_CPU_S: Final = 3.0
_POLL_S: Final = 0.1


@dataclass(frozen=True)
class StartStep:
    """One step of a start. ``seconds`` is how long the component has taken."""

    component: str
    state: Literal["starting", "healthy", "done", "failed"]
    seconds: float
    address: str = ""


Tell = Callable[[StartStep], None]


@dataclass
class ProgressWatch:
    """Tells a process that works slowly from one that is stuck.

    It works as long as its log grows, or it has used three seconds of processor time since the last sign.
    What an idle process uses in five minutes is less.
    """

    _signs: dict[str, tuple[float, int, float]] = field(default_factory=dict)

    def count_idle_s(self, name: str, pid: int, log: Path) -> float:
        """Seconds since the process was last seen to work."""
        now, cpu_s = time.monotonic(), read_cpu_s(pid)
        size = log.stat().st_size if log.exists() else 0
        seen_at, seen_size, seen_cpu_s = self._signs.get(name, (now, -1, 0.0))
        if size != seen_size or cpu_s - seen_cpu_s >= _WORKING_CPU_S:
            self._signs[name] = (now, size, cpu_s)
            return 0.0
        return now - seen_at


def read_cpu_s(pid: int) -> float:
    """Processor time of a process and its children, in seconds; 0 when it is gone."""
    total = 0.0
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        for member in (process, *process.children(recursive=True)):
            with suppress(psutil.Error):
                total += sum(member.cpu_times()[:4])
    return total


class Startup:
    """One start, seen from the command that asked for it."""

    def __init__(self, home: StackHome, components: Sequence[Component], leash: Leash, tell: Tell) -> None:
        self._home = home
        self._components = components
        self._leash = leash
        self._tell = tell
        self._told: set[str] = set()
        self._ready: set[str] = set()
        self._watch = ProgressWatch()

    def wait(self) -> None:
        """Return when every component is healthy or, for a job, done.

        Raises:
            StackError: one ended or is stuck; the message ends with its log.
        """
        while len(self._ready) < len(self._components):
            code = self._leash.poll()
            state = load_state(self._home)
            for component in self._components:
                if component.name in state.processes:
                    self._look_at(component, state.processes[component.name])
            if code is not None:
                self._fail(KEEPER, f"ended with exit code {code}")
            if len(state.processes) < len(self._components):
                self._check_progress(KEEPER, state.keeper)
            time.sleep(_POLL_S)

    def _look_at(self, component: Component, process: StartedProcess) -> None:
        name, seconds = component.name, time.time() - process.started_at
        if name not in self._told:
            self._told.add(name)
            self._tell(StartStep(name, "starting", seconds, component.address))
        if process.code is not None and not (component.is_job and process.code == 0):
            self._tell(StartStep(name, "failed", seconds))
            self._fail(name, f"ended {describe_code(process.code)}")
        if name in self._ready:
            return
        if process.code == 0 if component.is_job else is_healthy(component, process.started_at):
            self._ready.add(name)
            self._tell(StartStep(name, "done" if component.is_job else "healthy", seconds, component.address))
        else:
            self._check_progress(name, process.pid)

    def _check_progress(self, name: str, pid: int) -> None:
        idle_s = self._watch.count_idle_s(name, pid, self._home.log(name))
        if idle_s > STALLED_AFTER_S:
            self._fail(name, f"is not healthy, and has done nothing for {idle_s:.0f} s,")

    def _fail(self, name: str, what: str) -> None:
        log = self._home.log(name)
        raise StackError(
            f"{name} {what} while the stack was starting. The end of {log}:\n{read_tail(log)}\n"
            "Everything that had been started was stopped again. Correct the cause and run make up."
        )


def describe_code(code: int) -> str:
    """``with exit code 1`` or ``by signal 9 (SIGKILL)``."""
    return f"with exit code {code}" if code >= 0 else f"by signal {-code} ({signal.Signals(-code).name})"
