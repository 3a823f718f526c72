"""Tests that are ended from outside end what they have started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from include.settings import PROJECT_ROOT

TEST = """
import time
from pathlib import Path
import pytest

@pytest.fixture
def server():
    Path("started").touch()
    yield
    Path("ended").touch()

def test_something(server):
    time.sleep(600)
"""


@pytest.mark.needs("xdist")
@pytest.mark.parametrize("workers", ["0", "2"])
def test_fixtures_end_where_the_suite_is_terminated(tmp_path: Path, workers: str) -> None:
    (tmp_path / "test_it.py").write_text(TEST)
    command = [
        sys.executable, "-m", "pytest", "-q", "-n", workers, "-p", "tests.conftest", "--rootdir", str(tmp_path),
        "-c", "/dev/null", "test_it.py",
    ]  # fmt: skip
    with subprocess.Popen(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT)}, stdout=subprocess.DEVNULL
    ) as suite:
        while not (tmp_path / "started").exists():
            assert suite.poll() is None
            time.sleep(0.05)
        suite.send_signal(signal.SIGTERM)
        assert suite.wait() == pytest.ExitCode.INTERRUPTED
    assert (tmp_path / "ended").exists()
