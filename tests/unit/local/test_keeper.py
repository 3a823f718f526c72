"""The keeper: starts what the plan lists, forked and not, notes how it ends, and stops all of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from include.commands.console import read_tail
from include.errors import StackError
from include.local import keeper as keeper_module
from include.local.components import Component, can_fork, run_module, save_plan
from include.local.environment import base_environment
from include.local.home import StackHome
from include.local.keeper import NO_THREADS, stop_processes
from include.local.processes import TOKEN_VARIABLE, find_members
from include.local.state import StackState, load_state
from include.servers.ports import find_free_port
from include.servers.postgres import PostgresServer
from include.settings import PROJECT_ROOT
from tests.processes import die_with_parent, is_running
from tests.unit.local.conftest import TOKEN

Keep = Callable[..., subprocess.Popen[bytes]]
_keepers: dict[Path, subprocess.Popen[bytes]] = {}


@pytest.fixture
def environment(modules: Path) -> dict[str, str]:
    """The environment of the components: the stack's own, the tiny modules, and the stack's token."""
    return {**base_environment(os.environ), "PYTHONPATH": f"{PROJECT_ROOT}:{modules}", TOKEN_VARIABLE: TOKEN}


@pytest.fixture
def keep(home: StackHome, environment: dict[str, str]) -> Iterator[Keep]:
    """Starts a keeper of components; whatever still runs afterwards is killed."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*components: Component) -> subprocess.Popen[bytes]:
        save_plan(home, components)
        StackState().save(home)
        with home.start_log("keeper").open("ab") as log:
            keeper = subprocess.Popen(
                [sys.executable, "-m", "include.local.keeper", str(home.path)], env={**environment, **NO_THREADS},
                cwd=PROJECT_ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - before the exec it calls the kernel only
            )  # fmt: skip
        started.append(keeper)
        _keepers[home.path] = keeper
        return keeper

    yield start
    for keeper in started:
        keeper.kill()
        keeper.wait()
    for pid in find_members(TOKEN):
        os.kill(pid, signal.SIGKILL)


@pytest.fixture(params=["forked", "started"])
def preload(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Each test runs both ways."""
    if request.param == "forked" and not can_fork():
        pytest.skip("this system's libraries do not survive a fork")
    return ("fake_shared",) if request.param == "forked" else ()


@pytest.fixture
def make(environment: dict[str, str]) -> Callable[..., Component]:
    """Makes a component out of a tiny module."""

    def make_component(module: str, *arguments: str, **options: Any) -> Component:
        return Component(module, run_module(module, *arguments), environment, **options)

    return make_component


def wait_for(home: StackHome, name: str, *, is_ended: bool = True) -> int | None:
    """The exit code of a component once it has ended (or None once it has started)."""
    while True:
        assert _keepers[home.path].poll() is None, "the keeper has ended: " + read_tail(home.log("keeper"))
        process = load_state(home).processes.get(name)
        if process is not None and (process.code is not None or not is_ended):
            return process.code


@pytest.mark.parametrize(
    ("module", "code", "text"),
    [
        ("fake_job", 0, "job done"),
        ("fake_crash", 3, "the disk is upside down"),
        ("fake_signal", -9, "(the log is empty)"),
        ("fake_raise", 1, "RuntimeError: nobody expected this"),
        ("fake_message", 1, "ended with a message"),
    ],
)
def test_the_way_a_component_ends_is_noted_and_what_it_says_is_kept(
    keep: Keep, make: Callable[..., Component], home: StackHome, preload: tuple[str, ...],
    module: str, code: int, text: str,
) -> None:  # fmt: skip
    keep(make(module, preload=preload))

    assert wait_for(home, module) == code
    assert text in read_tail(home.log(module))


def test_it_gets_its_arguments_and_a_session_of_its_own(
    keep: Keep, make: Callable[..., Component], home: StackHome, preload: tuple[str, ...]
) -> None:
    keep(make("fake_facts", "--port", "1", preload=preload))

    assert wait_for(home, "fake_facts") == 0
    facts = json.loads(home.log("fake_facts").read_text())
    assert facts["arguments"] == ["--port", "1"]
    assert facts["session"] == facts["pid"] == load_state(home).processes["fake_facts"].pid
    assert facts["input"] == ""
    # Forked components find their modules imported already, by the process they were forked from.
    assert (facts["imported_by"] != facts["pid"]) == bool(preload)


def test_what_needs_a_job_starts_when_it_is_done(keep: Keep, make: Callable[..., Component], home: StackHome) -> None:
    keep(make("fake_sleeper", needs=("fake_job",)), make("fake_job", is_job=True), make("fake_message", needs=("x",)))

    wait_for(home, "fake_sleeper", is_ended=False)
    assert list(load_state(home).processes) == ["fake_job", "fake_sleeper"]


def test_what_needs_a_job_that_failed_does_not_start(
    keep: Keep, make: Callable[..., Component], home: StackHome
) -> None:
    keep(make("fake_sleeper", needs=("fake_crash",)), make("fake_crash", is_job=True), make("fake_late_crash"))

    wait_for(home, "fake_late_crash")
    assert "fake_sleeper" not in load_state(home).processes


def test_at_sigterm_everything_ends_and_the_state_says_so(
    keep: Keep, make: Callable[..., Component], home: StackHome, preload: tuple[str, ...]
) -> None:
    keeper = keep(make("fake_sleeper", preload=preload), make("fake_crash"))
    wait_for(home, "fake_sleeper", is_ended=False)
    sleeper = load_state(home).processes["fake_sleeper"].pid

    keeper.terminate()

    assert keeper.wait() == 0
    assert not is_running(sleeper)
    assert find_members(TOKEN) == []
    assert load_state(home) == StackState()


def test_a_library_that_cannot_be_imported_ends_everything_with_the_reason(
    keep: Keep, make: Callable[..., Component], home: StackHome
) -> None:
    keeper = keep(make("fake_sleeper"), make("fake_facts", preload=("fake_raise",)))

    assert keeper.wait() == 1
    assert "RuntimeError: nobody expected this" in home.log("keeper").read_text()
    assert find_members(TOKEN) == []


def test_postgresql_ends_although_something_else_does_not(home: StackHome, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that the system holds cannot be made here: stopping the others is what fails instead."""

    def fail(*_: object, **__: object) -> None:
        raise StackError("Processes [1] do not end.")

    server = PostgresServer(home.postgres, find_free_port(), "secret")
    server.start()
    monkeypatch.setattr(keeper_module, "stop_members", fail)
    try:
        with pytest.raises(StackError, match="do not end"):
            stop_processes(home, TOKEN)
        assert server.pid is None
    finally:
        server.stop()
