"""Bringing components up: in order, until healthy, and with a name and a reason when one is not."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from include.errors import StackError
from include.local.components import Component
from include.local.health import answers_at
from include.local.home import StackHome
from include.local.launcher import Launcher
from include.local.ports import find_free_port
from include.local.processes import TOKEN_VARIABLE, stop_processes
from include.local.state import StackState, load_state
from include.local.supervisor import Interruption, StartStep, Supervisor, defer_interruption, describe_code

TOKEN = "0123456789abcdef0123456789abcdef"


class Bench:
    """A supervisor over tiny components, with everything that it tells."""

    def __init__(self, home: StackHome, modules: Path, launcher: Launcher) -> None:
        self.state = StackState()
        self.steps: list[StartStep] = []
        self.interruption = Interruption()
        self.environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(modules), TOKEN_VARIABLE: TOKEN}
        self.supervisor = Supervisor(home, self.state, launcher, TOKEN, self.steps.append, self.interruption)

    def make(self, name: str, module: str, *arguments: str, **options: Any) -> Component:
        return Component(name, module, arguments, self.environment, **options)

    def make_server(self, name: str, **options: Any) -> Component:
        port = find_free_port()
        return self.make(name, "fake_server", str(port), check=answers_at(f"http://127.0.0.1:{port}"), **options)

    def told(self, state: str) -> list[str]:
        return [step.component for step in self.steps if step.state == state]


@pytest.fixture
def bench(home: StackHome, modules: Path) -> Iterator[Bench]:
    """Everything that it starts is ended after the test."""
    with Launcher(home, {}, is_preforking=False) as launcher:
        yield Bench(home, modules, launcher)
    stop_processes([], TOKEN)


def test_all_components_come_up_and_are_recorded(bench: Bench, home: StackHome) -> None:
    bench.supervisor.start([bench.make_server("one"), bench.make_server("two")])
    assert sorted(bench.told("healthy")) == ["one", "two"]
    recorded = load_state(home).processes
    assert set(recorded) == {"one", "two"}
    assert all(record.is_alive() for record in recorded.values())


def test_what_is_needed_is_healthy_first(bench: Bench) -> None:
    bench.supervisor.start([bench.make_server("second", needs=("first",)), bench.make_server("first")])
    order = [(step.component, step.state) for step in bench.steps]
    assert order.index(("first", "healthy")) < order.index(("second", "starting"))


def test_a_job_is_done_when_it_has_ended_well(bench: Bench) -> None:
    bench.supervisor.start([bench.make("job", "fake_job", is_job=True), bench.make_server("after", needs=("job",))])
    assert bench.told("done") == ["job"]
    assert set(bench.state.processes) == {"after"}


@pytest.mark.parametrize("options", [{}, {"is_job": True}])
def test_a_component_that_dies_is_named_with_the_end_of_its_log(
    bench: Bench, home: StackHome, options: dict[str, Any]
) -> None:
    never_healthy = {"check": lambda _: False} if not options else {}
    with pytest.raises(StackError) as failed:
        bench.supervisor.start([bench.make("broken", "fake_crash", **options, **never_healthy)])
    message = str(failed.value)
    assert "broken ended with exit code 3" in message
    assert "the disk is upside down" in message
    assert str(home.log("broken")) in message
    assert bench.told("failed") == ["broken"]


def test_a_component_that_dies_after_it_was_healthy_is_noticed(bench: Bench) -> None:
    waiting = bench.make("waiting", "fake_sleeper", check=lambda _: False)
    with pytest.raises(StackError, match=r"fragile ended with exit code 4"):
        bench.supervisor.start([bench.make("fragile", "fake_late_crash"), waiting])
    assert bench.told("healthy") == ["fragile"]


def test_a_component_that_never_answers_is_named(bench: Bench) -> None:
    bench.supervisor.patience_s = 0.0
    with pytest.raises(StackError, match=r"silent is not healthy after"):
        bench.supervisor.start([bench.make("silent", "fake_sleeper", check=lambda _: False)])


def test_what_runs_already_is_recorded_when_another_fails(bench: Bench, home: StackHome) -> None:
    with pytest.raises(StackError):
        bench.supervisor.start([bench.make("steady", "fake_sleeper"), bench.make("broken", "fake_signal")])
    assert load_state(home).processes["steady"].is_alive()


def test_the_wish_to_stop_ends_the_start(bench: Bench) -> None:
    bench.interruption.request()
    with pytest.raises(KeyboardInterrupt):
        bench.supervisor.start([bench.make_server("one")])
    assert bench.steps == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_wait_for_the_next_step(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with defer_interruption() as interruption:
        os.kill(os.getpid(), number)
        with pytest.raises(KeyboardInterrupt):
            interruption.check()
    assert signal.getsignal(number) is before


def test_outside_of_the_main_thread_signals_stay_as_they_are() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen: list[Any] = []

    def run() -> None:
        with defer_interruption() as interruption:
            interruption.check()
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [before]


@pytest.mark.parametrize(("code", "text"), [(0, "with exit code 0"), (3, "with exit code 3"), (-9, "SIGKILL")])
def test_an_exit_code_is_said_in_words(code: int, text: str) -> None:
    assert text in describe_code(code)
