"""Starts components in the order of their needs, as parallel as that allows, until all are healthy."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal

from include.errors import StackError
from include.local.components import Component
from include.local.home import StackHome
from include.local.launcher import Ended, Launcher, Started, read_tail
from include.local.processes import ProcessRecord, record_process
from include.local.state import StackState

_POLL_S: Final = 0.1
DEFAULT_PATIENCE_S: Final = 180.0


@dataclass(frozen=True)
class StartStep:
    """One step of a start. ``seconds`` is how long the component has taken."""

    component: str
    state: Literal["starting", "healthy", "done", "failed"]
    seconds: float
    address: str = ""


Tell = Callable[[StartStep], None]


class Interruption:
    """Remembers Ctrl-C (or the like) until it suits: no component is left between two steps."""

    def __init__(self) -> None:
        self.is_requested = False

    def check(self) -> None:
        """Raise KeyboardInterrupt if the user wants to stop."""
        if self.is_requested:
            raise KeyboardInterrupt

    def request(self, *_: Any) -> None:
        """Note the wish."""
        self.is_requested = True


@contextmanager
def defer_interruption() -> Iterator[Interruption]:
    """Catch SIGINT, SIGTERM and SIGHUP for the length of the block (in the main thread; elsewhere nothing changes)."""
    interruption = Interruption()
    before: dict[signal.Signals, Any] = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            before[number] = signal.signal(number, interruption.request)
    except ValueError:
        before.clear()
    try:
        yield interruption
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass
class Supervisor:
    """Brings components up; whatever it starts is in ``state`` from the first moment on."""

    home: StackHome
    state: StackState
    launcher: Launcher
    token: str
    tell: Tell
    interruption: Interruption
    patience_s: float = DEFAULT_PATIENCE_S

    def start(self, components: Sequence[Component]) -> None:
        """Start all components and wait until each is healthy (or, for a job, done).

        Raises:
            StackError: one of them died or is not healthy after ``patience_s`` seconds; the message ends
                with its log.
            KeyboardInterrupt: the user wants to stop.
        """
        by_name = {component.name: component for component in components}
        launched: dict[str, float] = {}
        ready: set[str] = set()
        while len(ready) < len(components):
            self.interruption.check()
            for component in components:
                if component.name not in launched and ready.issuperset(component.needs):
                    launched[component.name] = time.monotonic()
                    self.tell(StartStep(component.name, "starting", 0.0, component.address))
                    self.launcher.launch(component)
            for event in self.launcher.poll():
                self._note(event, by_name, launched, ready)
            for name in [name for name in launched if name not in ready]:
                self._look_at(by_name[name], launched[name], ready)
            time.sleep(_POLL_S)

    def _note(
        self, event: Started | Ended, by_name: dict[str, Component], launched: dict[str, float], ready: set[str]
    ) -> None:
        component = by_name[event.name]
        if isinstance(event, Started):
            self.state.processes[event.name] = record_process(event.name, event.pid, self.token)
        elif component.is_job and event.code == 0:
            del self.state.processes[event.name]
            ready.add(event.name)
            self.tell(StartStep(event.name, "done", time.monotonic() - launched[event.name]))
        else:
            self._fail(component, launched[event.name], f"ended {describe_code(event.code)}")
        self.state.save(self.home)

    def _look_at(self, component: Component, launched_at: float, ready: set[str]) -> None:
        record: ProcessRecord | None = self.state.processes.get(component.name)
        seconds = time.monotonic() - launched_at
        if record is not None and not component.is_job and component.check(record):
            ready.add(component.name)
            self.tell(StartStep(component.name, "healthy", seconds, component.address))
        elif seconds > self.patience_s:
            self._fail(component, launched_at, f"is not healthy after {seconds:.0f} s")

    def _fail(self, component: Component, launched_at: float, what: str) -> None:
        self.tell(StartStep(component.name, "failed", time.monotonic() - launched_at))
        log = self.home.log(component.name)
        raise StackError(
            f"{component.name} {what} while the stack was starting. The end of {log}:\n{read_tail(log)}\n"
            "Everything that had been started was stopped again. Correct the cause and run make up."
        )


def describe_code(code: int) -> str:
    """``with exit code 1`` or ``by signal 9 (SIGKILL)``."""
    if code >= 0:
        return f"with exit code {code}"
    return f"by signal {-code} ({signal.Signals(-code).name})"
