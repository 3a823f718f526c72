"""Ending processes: all that carry the stack's token, and nothing that belongs to somebody else."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import psutil
import pytest

from include.errors import StackError
from include.local import processes
from include.local.processes import TOKEN_VARIABLE, find_members, has_token, stop_members
from tests.processes import is_running
from tests.unit.local.conftest import TOKEN, StartScript

OURS = {TOKEN_VARIABLE: TOKEN}
SLEEPER = """
    import time
    print("ready", flush=True)
    time.sleep(3600)
"""
STUBBORN = """
    import signal, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("ready", flush=True)
    time.sleep(3600)
"""
# As Airflow does with tasks: a child in a process group of its own, which does not end politely.
WITH_STUBBORN_TASK = """
    import os, signal, time
    if os.fork() == 0:
        os.setpgid(0, 0)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("ready", flush=True)
    time.sleep(3600)
"""
# A leader that ends, and a member of its session that does not.
ORPHAN = """
    import os, time
    if os.fork() == 0:
        print("ready", flush=True)
        time.sleep(3600)
"""


def test_a_process_is_known_by_its_token_alone(start_script: StartScript) -> None:
    ours, foreign = start_script(SLEEPER, **OURS), start_script(SLEEPER, **{TOKEN_VARIABLE: "another"})

    assert find_members(TOKEN) == [ours]
    stop_members(TOKEN)

    assert not is_running(ours)
    assert is_running(foreign)


def test_without_a_token_nothing_is_ours(start_script: StartScript) -> None:
    running = start_script(SLEEPER, **{TOKEN_VARIABLE: ""})

    assert find_members("") == []
    stop_members("")

    assert is_running(running)


def test_a_zombie_is_not_alive(start_script: StartScript) -> None:
    pid = start_script(SLEEPER, **OURS)
    psutil.Process(pid).kill()
    # The parent has not asked for the exit code yet: the entry stays in the process table.
    while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        pass

    assert not has_token(pid, TOKEN)
    assert find_members(TOKEN) == []


@pytest.mark.parametrize("script", [STUBBORN, WITH_STUBBORN_TASK])
def test_what_ignores_the_polite_signal_is_killed(start_script: StartScript, script: str) -> None:
    start_script(script, **OURS)
    members = find_members(TOKEN)

    stop_members(TOKEN, grace_s=0.5)

    assert members
    assert not any(is_running(pid) for pid in members)


def test_what_is_left_of_a_crashed_component_is_found(start_script: StartScript) -> None:
    leader = start_script(ORPHAN, **OURS)
    while is_running(leader):
        pass

    (orphan,) = find_members(TOKEN)
    stop_members(TOKEN)

    assert not is_running(orphan)


def test_one_session_can_be_ended_before_the_others(start_script: StartScript) -> None:
    first, second = start_script(WITH_STUBBORN_TASK, **OURS), start_script(SLEEPER, **OURS)
    members = find_members(TOKEN, session=first)

    stop_members(TOKEN, session=first, grace_s=0.2)

    assert len(members) == 2
    assert not any(is_running(pid) for pid in members)
    assert is_running(second)


def test_the_caller_is_never_among_the_members() -> None:
    script = """
        import os, psutil
        from include.local.processes import find_members
        if child := os.fork():
            print(find_members(os.environ["ORRERY_STACK_TOKEN"]) == [child])
            os.kill(child, 9)
        else:
            import time
            time.sleep(60)
    """
    command = ["env", f"{TOKEN_VARIABLE}={TOKEN}", sys.executable, "-c", textwrap.dedent(script)]
    asked = subprocess.run(command, capture_output=True, text=True, check=True)
    assert asked.stdout.strip() == "True"


def test_what_survives_even_that_is_reported(start_script: StartScript, monkeypatch: pytest.MonkeyPatch) -> None:
    pid = start_script(SLEEPER, **OURS)
    with monkeypatch.context() as patched:
        patched.setattr(processes.os, "kill", lambda *_: None)
        clock = iter(range(0, 1000, 20))
        patched.setattr(processes.time, "monotonic", lambda: next(clock))
        with pytest.raises(StackError, match=rf"\[{pid}\] do not end"):
            stop_members(TOKEN)
