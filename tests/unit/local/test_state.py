"""What a stack remembers, and that only one command at a time works on it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from include.errors import StackError
from include.local.home import StackHome
from include.local.state import StackState, StartedProcess, hold_lock, load_state
from include.settings import PROJECT_ROOT

needs_full_device = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, which Linux has")


def test_a_stack_that_never_ran_remembers_nothing(home: StackHome) -> None:
    assert load_state(home) == StackState()


def test_the_state_survives_the_trip_to_disk(home: StackHome) -> None:
    state = StackState({"mlflow": 15000}, 4700, {"mlflow": StartedProcess(4711, 1.5, code=0)})
    state.save(home)
    assert load_state(home) == state


@pytest.mark.parametrize("damage", ["", "nonsense", "[]", '{"ports": {}}', '{"ports": 1, "processes": {}}'])
def test_a_damaged_state_is_named(home: StackHome, damage: str) -> None:
    home.state_file.write_text(damage)
    with pytest.raises(StackError, match=r"stack\.json is damaged"):
        load_state(home)


@needs_full_device
def test_a_full_disk_is_said_and_the_old_state_stays(home: StackHome) -> None:
    StackState({"mlflow": 15000}).save(home)
    home.state_file.with_suffix(".tmp").symlink_to("/dev/full")
    with pytest.raises(StackError, match=r"stack\.json cannot be written: No space left on device"):
        StackState({"mlflow": 15001}).save(home)
    assert load_state(home).ports == {"mlflow": 15000}


@needs_full_device
def test_a_full_disk_keeps_nobody_from_stopping_the_stack(home: StackHome) -> None:
    home.lock_file.symlink_to("/dev/full")
    with hold_lock(home):
        pass


def test_a_second_command_is_told_who_is_at_work(home: StackHome) -> None:
    with (
        hold_lock(home),
        pytest.raises(StackError, match=rf"process {os.getpid()}\) is starting or stopping"),
        hold_lock(home),
    ):
        pass


def test_the_lock_is_free_again_afterwards(home: StackHome) -> None:
    with hold_lock(home):
        pass
    with hold_lock(home):
        pass


def test_the_lock_of_a_killed_command_is_free(home: StackHome) -> None:
    script = (
        "import os, signal\n"
        "from include.local.home import resolve_home\n"
        "from include.local.state import hold_lock\n"
        "with hold_lock(resolve_home()):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = {**os.environ, "ORRERY_HOME": str(home.path)}
    killed = subprocess.run([sys.executable, "-c", script], cwd=PROJECT_ROOT, env=environment, check=False)
    assert killed.returncode == -9
    with hold_lock(home):
        pass
