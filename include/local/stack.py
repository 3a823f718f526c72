"""The embedded stack as one thing: start it, find it, stop it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from include.local.components import POSTGRES, build_components, load_plan, prefer_ports, run_module, save_plan
from include.local.credentials import ensure_credentials, find_credentials
from include.local.environment import airflow_environment
from include.local.home import StackHome, prepare_home, resolve_home
from include.local.keeper import NO_THREADS, stop_processes
from include.local.layout import Stack
from include.local.processes import find_members, has_token
from include.local.startup import KEEPER, StartStep, Startup, Tell
from include.local.state import StackState, hold_lock, load_state
from include.servers.leash import Leash, start_leashed
from include.servers.ports import reserve_ports
from include.servers.postgres import PostgresServer
from include.settings import PROJECT_ROOT

__all__ = ["Stack", "find_stack", "release_stack", "running_stack", "start_stack", "stop_stack"]

# Longer than the keeper takes on a busy machine: killed before its time, it would leave PostgreSQL behind.
_STOP_S: Final = 300.0
_POLL_S: Final = 0.1
_leashes: dict[Path, Leash] = {}


def ignore(_: StartStep) -> None:
    """Tell nobody."""


def start_stack(
    home: StackHome | Path | str | None = None, on_progress: Tell = ignore, *, is_leashed: bool = False
) -> Stack:
    """Start everything and wait until it is healthy; what already runs is left alone.

    Whatever ends the start early (an error, Ctrl-C, SIGKILL) leaves nothing running.

    Args:
        is_leashed: the stack ends with this process, unless :func:`release_stack` is called.

    Raises:
        StackError: a component did not start (with the end of its log), the folder cannot be used, or
            another command is at work on the same stack.
    """
    place = resolve_home(home)
    prepare_home(place)
    with hold_lock(place):
        running = find_stack(place)
        if running is not None:
            return running
        _stop(place)
        stack = _start(place, on_progress)
        if not is_leashed:
            release_stack(place)
        return stack


def release_stack(home: StackHome) -> None:
    """Let a stack that this process has started outlive it."""
    if leash := _leashes.pop(home.path, None):
        leash.release()


def find_stack(home: StackHome) -> Stack | None:
    """The stack in this folder if all of it was started and every process of it is alive."""
    state, credentials = load_state(home), find_credentials(home)
    if not state.processes or not state.keeper or credentials is None:
        return None
    stack = Stack(home, state.ports, credentials)
    is_whole = set(state.processes) == {component.name for component in load_plan(home)}
    return stack if is_whole and not list_dead(stack, state) else None


def list_dead(stack: Stack, state: StackState) -> list[str]:
    """The names of what was started and is gone; jobs that have done their work are not among them."""
    token, jobs = stack.credentials.stack_token, {c.name for c in load_plan(stack.home) if c.is_job}
    dead = [
        name
        for name, process in state.processes.items()
        if not (process.code == 0 and name in jobs)
        and not (stack.server.pid == process.pid if name == POSTGRES else has_token(process.pid, token))
    ]
    return dead if not state.processes or has_token(state.keeper, token) else [*dead, KEEPER]


def stop_stack(home: StackHome | Path | str | None = None) -> bool:
    """Stop everything that belongs to the stack, and nothing else. Returns whether something ran.

    Raises:
        StackError: another command is at work on the same stack.
    """
    place = resolve_home(home)
    if not place.path.exists():
        return False
    with hold_lock(place):
        return _stop(place)


@contextmanager
def running_stack(home: StackHome | Path | str | None = None, on_progress: Tell = ignore) -> Iterator[Stack]:
    """A running stack for the length of the block, which ends with this process; one that ran before goes on."""
    place = resolve_home(home)
    was_running = find_stack(place) is not None
    stack = start_stack(place, on_progress, is_leashed=True)
    try:
        yield stack
    finally:
        if not was_running:
            stop_stack(place)


def _start(home: StackHome, tell: Tell) -> Stack:
    credentials = ensure_credentials(home)
    with reserve_ports({**prefer_ports(), **load_state(home).ports}) as ports:
        stack = Stack(home, ports, credentials)
        StackState(ports).save(home)
        stack.server.prepare()
        plan = build_components(stack, os.environ, cores=count_cores())
        save_plan(home, plan)
        environment = {**airflow_environment(stack, os.environ, cores=count_cores()), **NO_THREADS}
        _leashes[home.path] = leash = start_leashed(
            run_module("include.local.keeper", str(home.path)), home.start_log(KEEPER), grace_s=_STOP_S,
            environment=environment, cwd=PROJECT_ROOT,
        )  # fmt: skip
        try:
            Startup(home, plan, leash, tell).wait()
        except BaseException:
            _stop(home)
            raise
        return stack


def _stop(home: StackHome) -> bool:
    """End the stack's processes, by way of its keeper where that lives. Returns whether any of it ran."""
    credentials, state = find_credentials(home), load_state(home)
    token = credentials.stack_token if credentials else ""
    was_running = bool(find_members(token)) or PostgresServer(home.postgres, 0, "").pid is not None
    if leash := _leashes.pop(home.path, None):
        leash.end()
    elif has_token(state.keeper, token):
        os.kill(state.keeper, signal.SIGTERM)
        deadline = time.monotonic() + _STOP_S
        while has_token(state.keeper, token) and time.monotonic() < deadline:
            time.sleep(_POLL_S)
    stop_processes(home, token)
    return was_running


def count_cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2
