"""What the commands of the stack say: live on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from types import FrameType
from typing import IO, Any, Final

from include.errors import OrreryError
from include.local.supervisor import StartStep

INTERRUPTED: Final = 130

_MARKS = {"starting": "·", "healthy": "✔", "done": "✔", "failed": "✘"}
_STYLES = {"starting": "cyan", "healthy": "green", "done": "green", "failed": "bold red"}


class StartDisplay:
    """Shows the start of a stack; call it with each step. Use as a context manager."""

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = stream or sys.stdout
        self._steps: dict[str, StartStep] = {}
        self._seen_at: dict[str, float] = {}
        self._live: Any = None

    def __enter__(self) -> StartDisplay:
        if self._stream.isatty():
            from rich.console import Console
            from rich.live import Live

            self._live = Live(get_renderable=self._draw, refresh_per_second=8, console=Console(file=self._stream))
            self._live.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        if self._live is not None:
            self._live.__exit__(*exc)

    def __call__(self, step: StartStep) -> None:
        self._steps[step.component] = step
        self._seen_at[step.component] = time.monotonic()
        if self._live is None and step.state != "starting":
            line = f"{_MARKS[step.state]} {step.component:<22} {step.state:<8} {step.seconds:5.1f} s  {step.address}"
            say(line.rstrip(), self._stream)

    def _draw(self) -> Any:
        from rich.table import Table

        table = Table(box=None, padding=(0, 1), show_header=False)
        for step in self._steps.values():
            seconds = step.seconds
            if step.state == "starting":
                seconds += time.monotonic() - self._seen_at[step.component]
            cells = (_MARKS[step.state], step.component, step.state, f"{seconds:.1f} s", step.address)
            table.add_row(*cells, style=_STYLES[step.state])
        return table


def say(line: str = "", stream: IO[str] | None = None) -> None:
    """Write one line at once."""
    target = stream or sys.stdout
    target.write(line + "\n")
    target.flush()


def format_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A plain table with aligned columns."""
    cells = [list(headings), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells)
    return "\n".join(lines)


def run_command(main: Callable[[], int]) -> int:
    """Run a command line; Ctrl-C, SIGTERM, a reader that goes away (``| head``) and our own errors end it quietly.

    Returns:
        the exit code: 130 when it was interrupted, 1 for an error, whose message is printed.
    """
    signal.signal(signal.SIGTERM, interrupt)
    try:
        return main()
    except OrreryError as error:
        say(f"✘ {error}")
        return 1
    except KeyboardInterrupt:
        say("Interrupted.")
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def interrupt(_: int, __: FrameType | None) -> None:
    """Do on SIGTERM, as from ``timeout`` or a cancelled CI job, what Ctrl-C does."""
    raise KeyboardInterrupt
