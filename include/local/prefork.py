"""A process that imports modules once and forks others from itself, each a session leader.

It reads commands as JSON lines from its standard input and answers on the descriptor that
``ORRERY_PREFORK_REPLIES`` names:

- ``{"import": [module, …]}``
- ``{"fork": name, "module": …, "arguments": […], "environment": {…}, "log": path}`` →
  ``{"started": name, "pid": …}``, and when that process ends ``{"ended": name, "code": …}``

It ends when its input does; the forked processes live on.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import select
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Final

from setproctitle import getproctitle, setproctitle

REPLIES_VARIABLE: Final = "ORRERY_PREFORK_REPLIES"
_POLL_S: Final = 0.1


def main() -> None:
    """Serve commands until the input ends; in each forked process, do its work instead."""
    getproctitle()  # Finds the title's place in memory, which it cannot once the environment was replaced.
    ending = Ending()
    atexit.register(ending.leave)
    with os.fdopen(int(os.environ.pop(REPLIES_VARIABLE)), "w", buffering=1) as replies:
        command = serve(sys.stdin.fileno(), replies)
    if command is not None:
        ending.code = run_component(command)


@dataclass
class Ending:
    """Leaves the process once its work and its exit handlers are done.

    Registered before all other exit handlers, and therefore called after them. What Python would do next,
    taking apart thousands of modules, takes seconds and serves nobody.
    """

    code: int = 0

    def leave(self) -> None:
        """End the process with ``code``."""
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(self.code)


def serve(descriptor: int, replies: IO[str]) -> dict[str, Any] | None:
    """Carry out commands. Returns None in the parent, its own command in each forked process."""
    children: dict[int, str] = {}
    for command in read_commands(descriptor):
        report_ended(children, replies)
        if command is None:
            continue
        if "import" in command:
            for module in command["import"]:
                importlib.import_module(module)
            continue
        pid = fork_component(command)
        if pid == 0:
            return command
        children[pid] = command["fork"]
        answer(replies, {"started": command["fork"], "pid": pid})
    return None


def read_commands(descriptor: int) -> Iterator[dict[str, Any] | None]:
    """Commands as they come, and None ten times a second while none comes."""
    waiting = b""
    while True:
        readable, _, _ = select.select([descriptor], [], [], _POLL_S)
        if not readable:
            yield None
            continue
        chunk = os.read(descriptor, 65536)
        if not chunk:
            return
        *lines, waiting = (waiting + chunk).split(b"\n")
        yield from (json.loads(line) for line in lines)


def report_ended(children: dict[int, str], replies: IO[str]) -> None:
    """Reap children that have ended and say with which code; negative for a signal."""
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        answer(replies, {"ended": children.pop(pid), "code": os.waitstatus_to_exitcode(status)})


def answer(replies: IO[str], content: dict[str, Any]) -> None:
    """Write one JSON line."""
    replies.write(json.dumps(content) + "\n")


def fork_component(command: dict[str, Any]) -> int:
    """Fork; in the child become a session leader with the component's log and environment."""
    gc.freeze()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        log = os.open(command["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        os.environ.clear()
        os.environ.update(command["environment"])
    return pid


def run_component(command: dict[str, Any]) -> int:
    """Do in this process what ``python -m module arguments…`` would; returns the exit code."""
    setproctitle(f"orrery {command['fork']}")
    sys.argv = [command["module"], *command["arguments"]]
    try:
        runpy.run_module(command["module"], run_name="__main__", alter_sys=True)
    except SystemExit as error:
        if isinstance(error.code, str):
            sys.stderr.write(f"{error.code}\n")
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    main()
