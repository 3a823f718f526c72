"""What a check says of one thing: fine, worth knowing, or it cannot work; where, why, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from include.commands.console import list_some
from include.settings import PROJECT_ROOT

Mark = Literal["fine", "note", "fault"]
SIGNS: Final[dict[Mark, str]] = {"fine": "✔", "note": "!", "fault": "✘"}


@dataclass(frozen=True)
class Place:
    """Where a person looks: a file, the key in it, and its line; each where it is known."""

    file: str = ""
    key: str = ""
    line: int | None = None

    def describe(self) -> str:
        """The place in words; empty where nothing is known."""
        where = f"{self.file}:{self.line}" if self.file and self.line else self.file
        return ", ".join(part for part in (where, f"key {self.key}" if self.key else "") if part)


@dataclass(frozen=True)
class Finding:
    """What was found of one thing.

    Attributes:
        part: ``settings``, ``sources``, ``dbt``, ``contracts`` or ``database``.
        subject: what was looked at, such as a source or a model.
        remedy: what to do next.
    """

    part: str
    subject: str
    mark: Mark
    message: str
    remedy: str = ""
    place: Place = Place()

    def describe(self) -> str:
        """One line: mark, subject, place, reason and remedy."""
        where = self.place.describe()
        texts = (f"{end_sentence(text)}" for text in (self.message, self.remedy) if text)
        return f"{SIGNS[self.mark]} {self.subject}{f' ({where})' if where else ''}: {' '.join(texts)}"

    def to_json(self) -> dict[str, Any]:
        """The same in JSON types."""
        return {**asdict(self), "place": {name: value for name, value in asdict(self.place).items() if value}}


@dataclass(frozen=True)
class Reporter:
    """Makes the findings of one part."""

    part: str

    def fine(self, subject: str, message: str) -> Finding:
        """It is as it has to be."""
        return Finding(self.part, subject, "fine", message)

    def note(self, subject: str, message: str, remedy: str = "", place: Place | None = None) -> Finding:
        """It can work, and a person should know."""
        return Finding(self.part, subject, "note", one_line(message), one_line(remedy), place or Place())

    def fault(self, subject: str, message: str, remedy: str = "", place: Place | None = None) -> Finding:
        """It cannot work."""
        return Finding(self.part, subject, "fault", one_line(message), one_line(remedy), place or Place())

    def guard(self, subject: str, check: Callable[[], Iterable[Finding]]) -> list[Finding]:
        """What a check finds; where it breaks down itself, what it had found by then, and that."""
        found: list[Finding] = []
        try:
            found.extend(check())
        except Exception as error:  # whatever a mistake in any file brings about
            found.append(
                self.fault(
                    subject,
                    f"the check itself failed: {type(error).__name__}: {error}",
                    "Correct what it names; if it names nothing of yours, this is a fault of the check",
                )
            )
        return found


def one_line(text: str) -> str:
    """A text without line breaks and double blanks."""
    return " ".join(text.split())


def end_sentence(text: str) -> str:
    """The text with a full stop at its end."""
    return text if text.endswith((".", "!", "?", ":")) else f"{text}."


def suggest(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """The nearest known name as a sentence, or all of them if they are few."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=cutoff)
    if near:
        return f"Did you mean {near[0]!r}?"
    return f"There are: {list_some(names)}." if names else "There are none."


def show_path(path: Path) -> str:
    """A path as a person knows it: from the project's folder, where it is below it."""
    return str(path.relative_to(PROJECT_ROOT) if path.is_relative_to(PROJECT_ROOT) else path)
