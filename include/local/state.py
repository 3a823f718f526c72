"""What a stack remembers between commands: its ports and its processes, in ``stack.json``."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from include.errors import StackError
from include.local.home import StackHome
from include.local.processes import ProcessRecord


@dataclass
class StackState:
    """Ports by component, processes in the order in which they started.

    ``is_complete`` turns true when everything was healthy; a stack whose start was cut short never gets
    there.
    """

    ports: dict[str, int] = field(default_factory=dict)
    processes: dict[str, ProcessRecord] = field(default_factory=dict)
    is_complete: bool = False

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
        processes = {name: ProcessRecord(**record) for name, record in content["processes"].items()}
        ports = {str(name): int(port) for name, port in content["ports"].items()}
        return StackState(ports, processes, bool(content["is_complete"]))
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
    with open_lock(home.lock_file) as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.read(descriptor, 32).decode() or "unknown"
            raise StackError(
                f"Another command (process {owner}) is starting or stopping the stack in {home.path}. "
                "Wait until it has finished, then try again."
            ) from error
        with suppress(OSError):  # A full disk must not keep anybody from stopping the stack.
            os.truncate(descriptor, 0)
            os.write(descriptor, str(os.getpid()).encode())
        yield


@contextmanager
def open_lock(path: Path) -> Iterator[int]:
    """The descriptor of a lock file, closed at the end of the block."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StackError(f"{path} cannot be opened: {error.strerror}. Free some space, or mend its rights.") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)
