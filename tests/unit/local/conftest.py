"""A stack's folder, and small real processes in place of the heavy ones."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from include.local.components import prefer_ports
from include.local.credentials import Credentials
from include.local.home import StackHome, prepare_home
from include.local.layout import Stack

# Of this process, so that tests of another worker neither find nor end what these have started.
TOKEN = f"{os.getpid():032x}"
PORTS = prefer_ports()

StartScript = Callable[..., int]


@pytest.fixture
def home(tmp_path: Path) -> StackHome:
    """A prepared folder of a stack that never ran."""
    place = StackHome(tmp_path / "stack")
    prepare_home(place)
    return place


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    """A stack that nobody starts."""
    place = StackHome(tmp_path / "unstarted")
    place.postgres.mkdir(parents=True)
    return Stack(place, PORTS, Credentials())


@pytest.fixture
def start_script() -> Iterator[StartScript]:
    """Starts a Python script as a session leader of its own and returns its process id.

    The script says ``ready`` on its standard output when it is.
    """
    started: list[subprocess.Popen[str]] = []

    def start(script: str, **environment: str) -> int:
        child = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True,
            env={**os.environ, **environment}, start_new_session=True,
        )  # fmt: skip
        started.append(child)
        assert child.stdout is not None
        assert child.stdout.readline().strip() == "ready"
        return child.pid

    yield start
    for child in started:
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if os.getsid(process.pid) == child.pid:
                    process.kill()
        child.wait()
        assert child.stdout is not None
        child.stdout.close()


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """A folder of tiny modules that stand in for the heavy components."""
    folder = tmp_path / "modules"
    folder.mkdir()
    sources = {
        "fake_sleeper": "import time; print('sleeping', flush=True); time.sleep(3600)",
        "fake_crash": "import sys; print('the disk is upside down', flush=True); sys.exit(3)",
        "fake_late_crash": "import sys, time; time.sleep(2); print('too late', flush=True); sys.exit(4)",
        "fake_signal": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        "fake_raise": "raise RuntimeError('nobody expected this')",
        "fake_message": "import sys; sys.exit('ended with a message')",
        "fake_job": "print('job done', flush=True)",
        "fake_facts": """
            import json, os, sys
            import fake_shared
            facts = {"arguments": sys.argv[1:], "session": os.getsid(0), "pid": os.getpid(),
                     "imported_by": fake_shared.PID, "input": sys.stdin.read()}
            print(json.dumps(facts), flush=True)
        """,
        "fake_shared": "import os; PID = os.getpid()",
    }
    for name, source in sources.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(source))
    return folder
