"""Keeps the processes of one stack: starts what ``plan.json`` lists, notes how they end, stops them at SIGTERM.

It is a single thread that imports what Airflow's services share and forks them from itself, so that the
imports are paid once. Whether a component is healthy is asked by the commands, so that the keeper never waits.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import runpy
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from setproctitle import getproctitle, setproctitle

from include.local.components import SCHEDULER, Component, load_plan
from include.local.home import StackHome
from include.local.processes import TOKEN_VARIABLE, stop_members
from include.local.state import StackState, StartedProcess, load_state
from include.servers.leash import run_as
from include.servers.postgres import PostgresServer
from include.settings import PROJECT_ROOT

STARTING_POLL_S: Final = 0.05
STEADY_POLL_S: Final = 0.5
# numpy and pyarrow would start threads of their own at import, and threads do not survive a fork.
NO_THREADS: Final = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}


class Keeper:
    """The processes of one stack; each is in the state file from its first moment on."""

    def __init__(self, home: StackHome, components: Sequence[Component]) -> None:
        self._home = home
        self._waiting = list(components)
        self._jobs = {component.name for component in components if component.is_job}
        self._done: set[str] = set()
        self._imported: set[str] = set()
        self._running: dict[str, subprocess.Popen[bytes] | ForkedProcess] = {}
        self._state = load_state(home)
        self._is_stopping = False

    def run(self) -> None:
        """Start the components, and keep them until :meth:`request_stop`."""
        self._state.keeper = os.getpid()
        self._state.save(self._home)
        while not self._is_stopping:
            self._note_ended()
            if not self._advance():
                time.sleep(STARTING_POLL_S if self._waiting else STEADY_POLL_S)

    def request_stop(self, *_: object) -> None:
        """End :meth:`run` at its next step."""
        self._is_stopping = True

    def _advance(self) -> bool:
        """Start what can start, or import one more module for the next; whether there was anything to do."""
        for component in self._waiting:
            if self._done.issuperset(component.needs) and self._imported.issuperset(component.preload):
                self._waiting.remove(component)
                self._start(component)
                return True
        for module in (module for component in self._waiting for module in component.preload):
            if module not in self._imported:
                importlib.import_module(module)
                self._imported.add(module)
                return True
        return False

    def _start(self, component: Component) -> None:
        log = self._home.start_log(component.name)
        process = fork(component, log) if component.preload else spawn(component, log)
        self._running[component.name] = process
        self._state.processes[component.name] = StartedProcess(process.pid, time.time())
        self._state.save(self._home)

    def _note_ended(self) -> None:
        for name, process in list(self._running.items()):
            if (code := process.poll()) is not None:
                del self._running[name]
                self._state.processes[name].code = code
                self._state.save(self._home)
                if name in self._jobs and code == 0:
                    self._done.add(name)


def spawn(component: Component, log: Path) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, writing to ``log``."""
    with log.open("ab") as output:
        return subprocess.Popen(
            component.command, env=dict(component.environment), cwd=PROJECT_ROOT, stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT, start_new_session=True, **run_as(component.owner),
        )  # fmt: skip


@dataclass(frozen=True)
class ForkedProcess:
    """A fork of this process. (One of multiprocessing would not do: Airflow's services look at its name.)"""

    pid: int

    def poll(self) -> int | None:
        """The exit code once it has ended, negative for a signal; it is asked for until then."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if pid else None


def fork(component: Component, log: Path) -> ForkedProcess:
    """Start the component in a fork of this process, which has imported its modules already."""
    gc.freeze()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = run_component(component, log)
            atexit._run_exitfuncs()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return ForkedProcess(pid)


def run_component(component: Component, log: Path) -> int:
    """Do in this process what the component's command, ``python -m module arguments…``, would; its exit code."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.setsid()
    output = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    for name in NO_THREADS.keys() - component.environment.keys():
        del os.environ[name]
    setproctitle(f"orrery {component.name}")
    sys.argv = list(component.command[2:])
    try:
        runpy.run_module(component.command[2], run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if isinstance(ended.code, str):
            sys.stderr.write(f"{ended.code}\n")
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def stop_processes(home: StackHome, token: str) -> StackState:
    """End everything that carries the stack's token, then PostgreSQL; the state afterwards.

    The scheduler goes first, while the API server can still take in what its tasks report. PostgreSQL ends whatever
    does not.

    Raises:
        StackError: something does not end.
    """
    state = load_state(home)
    try:
        if SCHEDULER in state.processes:
            stop_members(token, session=state.processes[SCHEDULER].pid)
        stop_members(token)
    finally:
        PostgresServer(home.postgres, 0, "").stop()
    state.keeper = 0
    state.processes.clear()
    state.save(home)
    return state


def main() -> None:
    """Keep the stack in the folder of the first argument until SIGTERM."""
    getproctitle()  # Finds the title's place in memory, which it cannot once the environment was changed.
    home = StackHome(Path(sys.argv[1]))
    keeper = Keeper(home, load_plan(home))
    signal.signal(signal.SIGTERM, keeper.request_stop)
    try:
        keeper.run()
    finally:
        stop_processes(home, os.environ[TOKEN_VARIABLE])


if __name__ == "__main__":
    main()
