"""What a stack remembers between commands: its ports and processes, in ``stack.json``."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field

from include.errors import StackError
from include.local.home import StackHome


@dataclass
class StartedProcess:
    """A component's process: when it started (seconds since the epoch), and its exit code once it has ended."""

    pid: int
    started_at: float
    code: int | None = None


@dataclass
class StackState:
    """Ports by component, the keeper's process id, and processes in the order in which they started."""

    ports: dict[str, int] = field(default_factory=dict)
    keeper: int = 0
    processes: dict[str, StartedProcess] = field(default_factory=dict)

    def save(self, home: StackHome) -> None:
        """Write the state, replacing the old one at once.

        Raises:
            StackError: the disk is full, or the folder may not be written.
        """
        draft = home.state_file.with_suffix(".tmp")
        try:
            draft.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
            draft.replace(home.state_file)
        except OSError as error:
            raise StackError(f"{home.state_file} cannot be written: {error.strerror}. Free some space.") from error


def load_state(home: StackHome) -> StackState:
    """The remembered state; an empty one if there is none.

    Raises:
        StackError: the file is damaged.
    """
    if not home.state_file.exists():
        return StackState()
    try:
        content = json.loads(home.state_file.read_text(encoding="utf-8"))
        processes = {name: StartedProcess(**process) for name, process in content["processes"].items()}
        return StackState({str(name): int(port) for name, port in content["ports"].items()},
                          int(content["keeper"]), processes)  # fmt: skip
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise StackError(
            f"{home.state_file} is damaged: {error!r}. Look for processes of the stack (ps), end them, "
            "then delete the file."
        ) from error


@contextmanager
def hold_lock(home: StackHome) -> Iterator[None]:
    """Hold the stack for one command that starts or stops it.

    Raises:
        StackError: another command holds it; the message names its process.
    """
    home.path.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(home.lock_file, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StackError(
            f"{home.lock_file} cannot be opened: {error.strerror}. Free some space, or fix its permissions."
        ) from error
    with os.fdopen(descriptor, "r+b", buffering=0) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StackError(
                f"Another command (process {lock.read(32).decode() or 'unknown'}) is starting or stopping the stack "
                f"in {home.path}. Wait until it has finished, then try again."
            ) from error
        with suppress(OSError):  # A full disk must not keep anybody from stopping the stack.
            lock.truncate(0)
            lock.write(str(os.getpid()).encode())
        yield
