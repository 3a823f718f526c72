"""Starting components, by themselves and forked from a warm process; both ways look the same from outside."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from include.errors import StackError
from include.local.components import Component
from include.local.home import StackHome
from include.local.launcher import Ended, Launcher, Started, read_tail
from include.local.processes import TOKEN_VARIABLE, find_process, record_process, stop_processes

TOKEN = "0123456789abcdef0123456789abcdef"

Make = Callable[..., Component]


@pytest.fixture
def environment(modules: Path) -> dict[str, str]:
    """The environment of the tiny components."""
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(modules), "PYTHONUNBUFFERED": "1", TOKEN_VARIABLE: TOKEN}


@pytest.fixture(params=["spawned", "forked"])
def is_forked(request: pytest.FixtureRequest) -> bool:
    """Each test runs both ways."""
    return bool(request.param == "forked")


@pytest.fixture
def make(environment: dict[str, str], is_forked: bool) -> Make:
    """Makes a component out of a tiny module."""

    def make_component(module: str, *arguments: str, **options: Any) -> Component:
        return Component(module, module, arguments, environment, is_preforked=is_forked, **options)

    return make_component


@pytest.fixture
def launcher(home: StackHome, environment: dict[str, str], is_forked: bool) -> Iterator[Launcher]:
    """A launcher whose components are ended after the test."""
    with Launcher(home, environment, is_preforking=is_forked) as launcher:
        yield launcher
    stop_processes([], TOKEN)


def wait_for(launcher: Launcher, *, ends: int) -> list[Started | Ended]:
    """What the launcher reports until that many processes have ended."""
    events: list[Started | Ended] = []
    while sum(isinstance(event, Ended) for event in events) < ends:
        events += launcher.poll()
    return events


def test_a_component_is_reported_when_it_starts_and_when_it_ends(launcher: Launcher, make: Make) -> None:
    launcher.launch(make("fake_job"))
    started, ended = wait_for(launcher, ends=1)
    assert isinstance(started, Started)
    assert ended == Ended("fake_job", 0)


@pytest.mark.parametrize(
    ("module", "code"), [("fake_crash", 3), ("fake_signal", -9), ("fake_raise", 1), ("fake_message", 1)]
)
def test_the_way_it_ended_is_reported(launcher: Launcher, make: Make, module: str, code: int) -> None:
    launcher.launch(make(module))
    assert wait_for(launcher, ends=1)[-1] == Ended(module, code)


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("fake_crash", "the disk is upside down"),
        ("fake_raise", "RuntimeError: nobody expected this"),
        ("fake_message", "ended with a message"),
    ],
)
def test_what_it_says_stands_in_its_log(
    launcher: Launcher, make: Make, home: StackHome, module: str, text: str
) -> None:
    launcher.launch(make(module))
    wait_for(launcher, ends=1)
    assert text in read_tail(home.log(module))


def test_it_gets_its_arguments_its_environment_and_a_session_of_its_own(
    launcher: Launcher, make: Make, home: StackHome, environment: dict[str, str], is_forked: bool
) -> None:
    component = replace(
        make("fake_facts", "--port", "1", preload=("fake_shared",)), environment={**environment, "COLOUR": "green"}
    )
    launcher.launch(component)
    started, _ = wait_for(launcher, ends=1)
    facts = json.loads(home.log("fake_facts").read_text())
    assert isinstance(started, Started)
    assert facts["arguments"] == ["--port", "1"]
    assert facts["colour"] == "green"
    assert facts["session"] == facts["pid"] == started.pid
    assert facts["input"] == ""
    # Forked components find their modules imported already, by the process they were forked from.
    assert (facts["imported_by"] != facts["pid"]) == is_forked


def test_a_running_component_survives_the_launcher(
    home: StackHome, environment: dict[str, str], make: Make, is_forked: bool
) -> None:
    with Launcher(home, environment, is_preforking=is_forked) as launcher:
        launcher.launch(make("fake_sleeper"))
        events: list[Started | Ended] = []
        while not events:
            events += launcher.poll()
    record = record_process("sleeper", events[0].pid, TOKEN) if isinstance(events[0], Started) else None
    assert record is not None
    assert record.is_alive()
    stop_processes([record], TOKEN)
    assert find_process(record.pid) is None


def test_the_log_of_the_last_start_is_kept(launcher: Launcher, make: Make, home: StackHome) -> None:
    launcher.launch(make("fake_crash"))
    wait_for(launcher, ends=1)
    launcher.launch(make("fake_crash"))
    wait_for(launcher, ends=1)
    assert home.log("fake_crash").with_suffix(".log.1").read_text() == home.log("fake_crash").read_text()


def test_a_library_that_cannot_be_imported_is_reported_with_the_reason(
    home: StackHome, environment: dict[str, str]
) -> None:
    with Launcher(home, environment, is_preforking=True) as launcher:
        launcher.preload(("fake_raise",))
        with pytest.raises(StackError, match=r"RuntimeError: nobody expected this"):
            wait_for(launcher, ends=1)


def test_an_abandoned_start_forks_nothing_more(home: StackHome, environment: dict[str, str]) -> None:
    component = Component(
        "fake_sleeper", "fake_sleeper", (), environment, is_preforked=True, preload=("fake_late_crash",)
    )
    with pytest.raises(KeyboardInterrupt), Launcher(home, environment, is_preforking=True) as launcher:
        launcher.launch(component)
        raise KeyboardInterrupt
    assert home.log("fake_sleeper").read_text() == ""


@pytest.mark.parametrize("content", [None, ""])
def test_the_end_of_an_empty_log_says_so(tmp_path: Path, content: str | None) -> None:
    log = tmp_path / "some.log"
    if content is not None:
        log.write_text(content)
    assert read_tail(log) == "  (the log is empty)"


def test_the_end_of_a_long_log_is_its_end(tmp_path: Path) -> None:
    log = tmp_path / "some.log"
    log.write_text("\n".join(f"line {number}" for number in range(100)))
    assert read_tail(log, 2) == "  line 98\n  line 99"
