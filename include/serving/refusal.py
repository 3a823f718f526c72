"""Why a request gets no prediction, and with which HTTP status."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from include.errors import ServingError

_PROBLEMS_MAX: Final = 5


class RequestRefusedError(ServingError):
    """A request that cannot be answered; ``retry_after_s`` is set where asking again may help."""

    def __init__(self, status: int, message: str, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s


def describe_invalid(problems: Sequence[Any]) -> str:
    """What pydantic found wrong with a request, in words; what was sent is not echoed."""
    shown = [f"{_name_place(problem['loc'])}: {problem['msg']}" for problem in problems[:_PROBLEMS_MAX]]
    more = len(problems) - len(shown)
    tail = f"; and {more} more problems" if more > 0 else ""
    return f"The request does not fit; {'; '.join(shown)}{tail}. The schema is at /openapi.json."


def list_names(names: Sequence[object], most: int = _PROBLEMS_MAX) -> str:
    """The first names, and how many more there are."""
    shown = ", ".join(map(str, names[:most]))
    more = len(names) - most
    return f"{shown} and {more} more" if more > 0 else shown


def _name_place(location: Sequence[str | int]) -> str:
    return ".".join(str(part) for part in location if part != "body") or "body"
