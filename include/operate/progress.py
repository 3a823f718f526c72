"""Live progress: one line per stage with what it is doing and how long it has taken; stages may overlap."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

_MARKS = {"waiting": "·", "running": "▶", "done": "✔", "failed": "✘", "skipped": "–"}
_STYLES = {"waiting": "dim", "running": "bold cyan", "done": "green", "failed": "bold red", "skipped": "dim"}


@dataclass
class Stage:
    """One line of the display.

    Attributes:
        model: the model that it is about; None for what all models share.
    """

    name: str
    title: str
    model: str | None = None
    state: str = "waiting"
    doing: str = ""
    started_at: float | None = None
    seconds: float | None = None

    @property
    def elapsed_s(self) -> float | None:
        """Seconds since the start, or the final figure once it is over."""
        if self.seconds is not None or self.started_at is None:
            return self.seconds
        return time.monotonic() - self.started_at


@dataclass
class Progress:
    """The stages of a long piece of work, drawn live on a terminal and as plain lines elsewhere."""

    title: str
    stages: list[Stage]
    is_live: bool = field(default_factory=sys.stdout.isatty)
    _live: Any = None
    _last_said: str = ""

    def __enter__(self) -> Progress:
        if self.is_live:
            from rich.live import Live

            self._live = Live(get_renderable=self._draw, refresh_per_second=4)
            self._live.__enter__()
        else:
            self._say(self.title)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._live is not None:
            self._live.__exit__(*exc)

    @property
    def total_s(self) -> float:
        """Seconds from the start of the first stage to the end of the last one that is over."""
        over = [stage for stage in self.stages if stage.started_at is not None and stage.seconds is not None]
        if not over:
            return 0.0
        ends = [(stage.started_at or 0.0) + (stage.seconds or 0.0) for stage in over]
        return max(ends) - min(stage.started_at or 0.0 for stage in over)

    @contextmanager
    def run(self, name: str) -> Iterator[Stage]:
        """Mark a stage as running for the length of the block; an exception marks it failed."""
        stage = self._find(name)
        stage.state, stage.started_at = "running", time.monotonic()
        self._say(f"▶ {stage.title}")
        try:
            yield stage
        except BaseException:
            stage.state = "failed"
            raise
        else:
            stage.state = "done"
        finally:
            stage.seconds = stage.elapsed_s
            mark = _MARKS[stage.state]
            self._say(f"{mark} {stage.title}: {stage.doing} ({stage.seconds or 0:.1f} s)")

    def tell(self, stage: Stage, doing: str) -> None:
        """Say what a running stage is doing now."""
        if doing != stage.doing:
            stage.doing = doing
            self._say(f"  {stage.title}: {doing}")

    def skip(self, name: str, why: str) -> None:
        """Mark a stage as one that is not needed."""
        stage = self._find(name)
        stage.state, stage.doing = "skipped", why
        self._say(f"{_MARKS['skipped']} {stage.title}: {why}")

    def note(self, line: str) -> None:
        """Say a line of its own, which stays."""
        if self._live is not None:
            self._live.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            self._say(line)

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Draw nothing for the length of the block, so that a person can read and type."""
        if self._live is None:
            yield
            return
        self._live.stop()
        try:
            yield
        finally:
            self._live.start()

    def _find(self, name: str) -> Stage:
        return next(stage for stage in self.stages if stage.name == name)

    def _say(self, line: str) -> None:
        if not self.is_live and line != self._last_said:
            self._last_said = line
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

    def _draw(self) -> Any:
        from rich.table import Table
        from rich.text import Text

        table = Table(title=self.title, title_justify="left", title_style="bold", box=None, padding=(0, 1))
        for heading, options in (
            ("", {}),
            ("stage", {}),
            ("doing", {"ratio": 1}),
            ("seconds", {"justify": "right"}),
        ):
            table.add_column(heading, **options)
        for stage in self.stages:
            elapsed = "" if stage.elapsed_s is None else f"{stage.elapsed_s:.1f}"
            style = _STYLES[stage.state]
            # Text, because names of mapped tasks have brackets, which markup would swallow.
            table.add_row(_MARKS[stage.state], stage.title, Text(stage.doing), elapsed, style=style)
        return table
