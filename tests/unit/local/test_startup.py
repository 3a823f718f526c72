"""Waiting for a stack: as long as something moves, and with a name and a reason when it fails."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from include.errors import StackError
from include.local import startup
from include.local.components import Component
from include.local.home import StackHome
from include.local.startup import ProgressWatch, StartStep, Startup, describe_code, read_cpu_s
from include.local.state import StackState, StartedProcess
from include.servers.leash import Leash


class Kept:
    """A keeper that has started what the test says."""

    def __init__(self, home: StackHome) -> None:
        self.home = home
        self.steps: list[StartStep] = []
        self.process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"], stdin=subprocess.PIPE)

    def wait_for(self, *components: Component, **processes: StartedProcess) -> None:
        StackState(keeper=self.process.pid, processes=processes).save(self.home)
        Startup(self.home, components, Leash(self.process), self.steps.append).wait()

    def told(self) -> list[tuple[str, str]]:
        return [(step.component, step.state) for step in self.steps]


@pytest.fixture
def kept(home: StackHome) -> Any:
    """Its process is ended after the test."""
    kept = Kept(home)
    yield kept
    kept.process.kill()
    kept.process.communicate()


def started(code: int | None = None) -> StartedProcess:
    return StartedProcess(os.getpid(), time.time() - 5, code)


def test_it_returns_when_all_are_healthy_or_done(kept: Kept) -> None:
    kept.wait_for(Component("server", (), {}), Component("job", (), {}, is_job=True), server=started(), job=started(0))

    assert kept.told() == [("server", "starting"), ("server", "healthy"), ("job", "starting"), ("job", "done")]


@pytest.mark.parametrize(("is_job", "code"), [(True, 3), (False, 3), (False, 0)])
def test_a_component_that_ends_is_named_with_the_end_of_its_log(
    kept: Kept, home: StackHome, is_job: bool, code: int
) -> None:
    home.log("broken").write_text("the disk is upside down\n")

    with pytest.raises(StackError, match=rf"broken ended with exit code {code} [\s\S]*the disk is upside down"):
        kept.wait_for(Component("broken", (), {}, is_job=is_job), broken=started(code))

    assert kept.told()[-1] == ("broken", "failed")


def test_a_keeper_that_ends_is_named_with_the_end_of_its_log(kept: Kept, home: StackHome) -> None:
    home.log("keeper").write_text("ModuleNotFoundError: airflow\n")
    kept.process.kill()

    with pytest.raises(StackError, match=r"keeper ended [\s\S]*ModuleNotFoundError: airflow"):
        kept.wait_for(Component("airflow-api", (), {}))


@pytest.mark.parametrize("stuck", ["silent", "keeper"])
def test_what_does_nothing_for_long_is_given_up_by_name(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, stuck: str
) -> None:
    monkeypatch.setattr(startup, "STALLED_AFTER_S", 0.3)
    processes = {"silent": StartedProcess(kept.process.pid, time.time())} if stuck == "silent" else {}

    with pytest.raises(StackError, match=rf"{stuck} is not healthy, and has done nothing for"):
        kept.wait_for(Component("silent", (), {}, urls=("http://127.0.0.1:1",)), **processes)


def test_processor_time_and_a_growing_log_are_progress_and_little_of_it_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, log = ProgressWatch(), tmp_path / "log"
    clock, cpu_s = iter([0.0, 100.0, 200.0, 300.0, 400.0]), iter([1.0, 2.0, 2.0, 5.0, 5.5])
    monkeypatch.setattr(startup.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(startup, "read_cpu_s", lambda _: next(cpu_s))

    assert watch.count_idle_s("api", 1, log) == 0
    assert watch.count_idle_s("api", 1, log) == 100  # one second of processor time is what an idle process uses
    log.write_text("a line")
    assert watch.count_idle_s("api", 1, log) == 0
    assert watch.count_idle_s("api", 1, log) == 0
    assert watch.count_idle_s("api", 1, log) == 100


def test_processor_time_is_that_of_the_children_as_well() -> None:
    busy = "import time\nwhile time.process_time() < 0.7: pass\nprint('done', flush=True)\ntime.sleep(3600)"
    nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}])"
    with subprocess.Popen([sys.executable, "-c", nested], stdout=subprocess.PIPE, start_new_session=True) as parent:
        try:
            assert parent.stdout is not None
            parent.stdout.readline()
            assert read_cpu_s(parent.pid) > 0.5  # the kernel counts in ticks of a hundredth
        finally:
            os.killpg(parent.pid, 9)


def test_a_process_that_is_gone_has_used_none() -> None:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    assert read_cpu_s(done.pid) == 0


@pytest.mark.parametrize(("code", "text"), [(0, "with exit code 0"), (3, "with exit code 3"), (-9, "SIGKILL")])
def test_an_exit_code_is_said_in_words(code: int, text: str) -> None:
    assert text in describe_code(code)
