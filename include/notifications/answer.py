"""What a channel said to one attempt."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """Whether a message was taken, what came back, and how long the service asks to be left alone."""

    is_delivered: bool
    detail: str
    retry_after_s: float = 0.0
