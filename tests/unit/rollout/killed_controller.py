"""A controller in a process of its own that is killed with SIGKILL at a named moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[3]
AFTER: Final = "after"
"""The moment when everything is committed and nobody was told."""

_PRELUDE: Final = """
import os, signal, sys
from include.warehouse.session import Session

moment, uri = sys.argv[1], sys.argv[2]
execute = Session.execute

def execute_and_die(self, sql, parameters=()):
    done = execute(self, sql, parameters)
    if "insert into serving.rollout_events" in sql and parameters[1] == moment:
        os.kill(os.getpid(), signal.SIGKILL)
    return done

Session.execute = execute_and_die
"""
_END: Final = f"""
if moment == "{AFTER}":
    os.kill(os.getpid(), signal.SIGKILL)
"""


def kill_controller(code: str, moment: str, uri: str) -> None:
    """Run ``code``, which finds ``uri``, and kill it: when it has written the event ``moment``, or ``AFTER`` all."""
    done = subprocess.run(
        [sys.executable, "-c", _PRELUDE + code + _END, moment, uri],
        check=False, capture_output=True, text=True, cwd=ROOT, env=dict(os.environ),
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr
