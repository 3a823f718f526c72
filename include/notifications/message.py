"""What is said of one event, the same to every channel."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from include.settings.notifications import EventKind, Severity

TITLE_LENGTH: Final = 250
TEXT_LENGTH: Final = 3000
"""More than this is cut: the services refuse longer texts, and the link leads to all of it."""


@dataclass(frozen=True)
class Message:
    """One event, in words.

    Attributes:
        title: one line.
        text: plain text, of several lines where it has to be.
        dedup_key: names the event: the same event has the same key, however often it is seen.
        model_name: None for what belongs to no model.
        link: an absolute address of a page that shows more.
    """

    event: EventKind
    severity: Severity
    title: str
    text: str
    dedup_key: str
    model_name: str | None = None
    model_version: int | None = None
    link: str | None = None
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", cut_text(" ".join(self.title.split()), TITLE_LENGTH))
        object.__setattr__(self, "text", cut_text(self.text.replace("\0", "?").strip(), TEXT_LENGTH))

    def to_json(self) -> dict[str, Any]:
        """The message as plain values; the time in ISO 8601."""
        return {**asdict(self), "at": self.at.isoformat()}


def cut_text(text: str, length: int) -> str:
    """A text of at most ``length`` characters."""
    return text if len(text) <= length else f"{text[: length - 1]}…"
