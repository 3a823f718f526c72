"""Ending processes: all that a component has started, and nothing that belongs to somebody else."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import replace

import psutil
import pytest

from include.errors import StackError
from include.local import processes
from include.local.processes import (
    TOKEN_VARIABLE,
    ProcessRecord,
    find_members,
    find_process,
    record_process,
    stop_processes,
)

TOKEN = "0123456789abcdef0123456789abcdef"

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
# As Airflow does with tasks: a child in a process group of its own, in the parent's session.
WITH_TASK = """
    import os, time
    if os.fork() == 0:
        os.setpgid(0, 0)
        print("ready", flush=True)
    time.sleep(3600)
"""
STUBBORN_TASK = """
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

StartScript = Callable[..., ProcessRecord]


def is_running(pid: int) -> bool:
    return find_process(pid) is not None


def test_a_process_is_known_by_pid_and_start_time(start_script: StartScript) -> None:
    record = start_script(SLEEPER)
    assert record.is_alive()
    assert record.pid in {process.pid for process in find_members([record])}


def test_a_recycled_pid_is_another_process_and_never_signalled(start_script: StartScript) -> None:
    living = start_script(SLEEPER)
    stale = replace(living, created_at=living.created_at - 60)
    assert not stale.is_alive()
    assert find_members([stale], TOKEN) == []
    stop_processes([stale], TOKEN, grace_s=0.1)
    assert living.is_alive()


def test_a_changed_clock_does_not_make_our_process_a_stranger(start_script: StartScript) -> None:
    living = start_script(SLEEPER, **{TOKEN_VARIABLE: TOKEN})
    before_the_change = replace(living, created_at=living.created_at - 3600)
    assert before_the_change.is_alive()
    stop_processes([before_the_change], TOKEN)
    assert not is_running(living.pid)


def test_a_zombie_is_not_alive(start_script: StartScript) -> None:
    record = start_script(SLEEPER)
    psutil.Process(record.pid).kill()
    # The parent has not asked for the exit code yet: the entry stays in the process table.
    while psutil.Process(record.pid).status() != psutil.STATUS_ZOMBIE:
        pass
    assert not record.is_alive()


def test_a_process_that_was_gone_before_it_could_be_recorded_is_not_alive() -> None:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    assert not record_process("short", done.pid, TOKEN).is_alive()


def test_stopping_ends_members_in_process_groups_of_their_own(start_script: StartScript) -> None:
    record = start_script(WITH_TASK)
    members = find_members([record])
    assert len(members) == 2
    assert len({os.getpgid(process.pid) for process in members}) == 2
    stop_processes([record])
    assert not any(is_running(process.pid) for process in members)


def test_a_stubborn_task_is_killed_although_its_leader_went_first(start_script: StartScript) -> None:
    record = start_script(STUBBORN_TASK)
    task = next(process for process in find_members([record]) if process.pid != record.pid)
    stop_processes([record], grace_s=0.5)
    assert not is_running(record.pid)
    assert not is_running(task.pid)


def test_what_ignores_the_polite_signal_is_killed(start_script: StartScript) -> None:
    record = start_script(STUBBORN)
    stop_processes([record], grace_s=0.2)
    assert not is_running(record.pid)


def test_a_foreign_process_is_left_alone(start_script: StartScript) -> None:
    ours, foreign = start_script(SLEEPER), start_script(SLEEPER)
    stop_processes([ours], TOKEN)
    assert not is_running(ours.pid)
    assert foreign.is_alive()


def test_what_is_left_of_a_crashed_component_is_found_by_its_token(start_script: StartScript) -> None:
    record = start_script(ORPHAN, **{TOKEN_VARIABLE: TOKEN})
    while is_running(record.pid):
        pass
    (orphan,) = find_members([record], TOKEN)
    stop_processes([record], TOKEN)
    assert not is_running(orphan.pid)


def test_another_stacks_token_is_not_ours(start_script: StartScript) -> None:
    other = start_script(SLEEPER, **{TOKEN_VARIABLE: "another"})
    assert find_members([], TOKEN) == []
    assert other.is_alive()


def test_the_caller_is_never_among_the_members() -> None:
    # A session of its own, as that of this process may be led from outside of the container.
    script = """
        import os, psutil
        from include.local.processes import ProcessRecord, find_members
        itself = ProcessRecord("tests", os.getpid(), psutil.Process().create_time(), "")
        if child := os.fork():
            print(sorted(process.pid for process in find_members([itself])) == [child])
            os.kill(child, 9)
        else:
            import time
            time.sleep(60)
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    asked = subprocess.run(command, capture_output=True, text=True, check=True, start_new_session=True)
    assert asked.stdout.strip() == "True"


def test_what_survives_even_that_is_reported(start_script: StartScript, monkeypatch: pytest.MonkeyPatch) -> None:
    record = start_script(SLEEPER)
    monkeypatch.setattr(processes, "_signal", lambda *_: None)
    clock = iter(range(0, 1000, 20))
    monkeypatch.setattr(processes.time, "monotonic", lambda: next(clock))
    with pytest.raises(StackError, match=f"{record.pid} do not end"):
        stop_processes([record])
