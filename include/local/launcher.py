"""Starts components, by forking from a warm process where that is safe, and reports how they end."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from include.errors import StackError
from include.local.components import Component
from include.local.home import StackHome
from include.local.prefork import REPLIES_VARIABLE
from include.settings import PROJECT_ROOT

PREFORK: Final = "prefork"
# numpy and pyarrow would start threads of their own at import, and threads do not survive a fork.
_NO_THREADS: Final = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}


def can_prefork() -> bool:
    """Whether a process may be forked after imports: on macOS the system's own libraries do not survive it."""
    return sys.platform == "linux"


@dataclass(frozen=True)
class Started:
    """A component's process runs."""

    name: str
    pid: int


@dataclass(frozen=True)
class Ended:
    """A component's process has ended. ``code`` is negative for a signal."""

    name: str
    code: int


class Launcher:
    """Starts components and reports on them; use as a context manager around the start of a stack.

    Leaving the block ends the warm process, and nothing else; leaving it by an exception ends it at once,
    before it carries out what it was told.
    """

    def __init__(self, home: StackHome, warm_environment: dict[str, str], *, is_preforking: bool) -> None:
        self._home = home
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._imported: set[str] = set()
        self._warm: subprocess.Popen[bytes] | None = None
        self._replies = -1
        self._unread = b""
        self._reported: list[Started | Ended] = []
        if is_preforking:
            self._start_warm(warm_environment)

    def __enter__(self) -> Launcher:
        return self

    def __exit__(self, exception_type: type[BaseException] | None, *_: object) -> None:
        if self._warm is None or self._warm.stdin is None:
            return
        if exception_type is not None:
            self._warm.kill()
        with suppress(BrokenPipeError):
            self._warm.stdin.close()
        self._warm.wait()
        os.close(self._replies)

    def preload(self, modules: tuple[str, ...]) -> None:
        """Have the warm process import modules; returns at once."""
        new = [module for module in modules if module not in self._imported]
        if self._warm is not None and new:
            self._imported.update(new)
            self._send({"import": new})

    def launch(self, component: Component) -> None:
        """Start a component; returns at once, :meth:`poll` reports its process."""
        log = start_log(self._home, component.name)
        if component.is_preforked and self._warm is not None:
            self.preload(component.preload)
            self._send(
                {
                    "fork": component.name, "module": component.module, "arguments": component.arguments,
                    "environment": dict(component.environment), "log": str(log),
                }
            )  # fmt: skip
            return
        child = spawn(component.command, dict(component.environment), log)
        self._children[component.name] = child
        self._reported.append(Started(component.name, child.pid))

    def poll(self) -> Iterator[Started | Ended]:
        """What has happened since the last call.

        Raises:
            StackError: the warm process died; the message ends with its log.
        """
        yield from self._reported
        self._reported.clear()
        for name, child in list(self._children.items()):
            if child.poll() is not None:
                del self._children[name]
                yield Ended(name, child.returncode)
        if self._warm is not None:
            yield from self._read_replies()
            if self._warm.poll() is not None:
                log = self._home.log(PREFORK)
                raise StackError(f"Airflow could not be imported. The end of {log}:\n{read_tail(log)}")

    def _start_warm(self, environment: dict[str, str]) -> None:
        log = start_log(self._home, PREFORK)
        self._replies, writing_end = os.pipe()
        own = {REPLIES_VARIABLE: str(writing_end), **_NO_THREADS}
        command = (sys.executable, "-m", "include.local.prefork")
        self._warm = spawn(command, {**environment, **own}, log, writing_end)
        os.close(writing_end)

    def _send(self, command: dict[str, object]) -> None:
        assert self._warm is not None  # noqa: S101 - for the type checker
        assert self._warm.stdin is not None  # noqa: S101
        try:
            self._warm.stdin.write(json.dumps(command).encode() + b"\n")
            self._warm.stdin.flush()
        except BrokenPipeError:
            self._warm.wait()

    def _read_replies(self) -> Iterator[Started | Ended]:
        while select.select([self._replies], [], [], 0)[0]:
            chunk = os.read(self._replies, 65536)
            if not chunk:
                return
            *lines, self._unread = (self._unread + chunk).split(b"\n")
            for line in lines:
                reply = json.loads(line)
                if "pid" in reply:
                    yield Started(reply["started"], reply["pid"])
                else:
                    yield Ended(reply["ended"], reply["code"])


def spawn(
    command: tuple[str, ...], environment: dict[str, str], log: Path, reply_descriptor: int | None = None
) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, writing to ``log``.

    Args:
        reply_descriptor: handed on to the process, which then also gets a pipe as its input.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            command, env=environment, cwd=PROJECT_ROOT, stdout=output, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL if reply_descriptor is None else subprocess.PIPE,
            pass_fds=() if reply_descriptor is None else (reply_descriptor,), start_new_session=True,
        )  # fmt: skip


def start_log(home: StackHome, name: str) -> Path:
    """An empty log file; what the last start wrote is kept beside it."""
    log = home.log(name)
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    log.touch(mode=0o600)
    return log


def read_tail(log: Path, lines: int = 20) -> str:
    """The last lines of a log file, indented; a word instead if it is empty or absent."""
    content = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return "\n".join(f"  {line}" for line in content[-lines:]) or "  (the log is empty)"
