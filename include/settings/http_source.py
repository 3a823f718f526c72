"""Settings of a source that is an HTTP API: its path and parameters, its pages, and how patient requests are."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from include.settings.file_formats import FileOptions
from include.settings.section import Section
from include.settings.source_base import ConnectedSource

_DAYS: Final = ("{day}", "{next_day}")
_BRACES: Final = re.compile(r"\{[^{}]*\}?|\}")

Name = Annotated[str, Field(min_length=1)]
DottedPath = Annotated[str, Field(pattern=r"^[^.]+(\.[^.]+)*$")]
"""The place of something in a JSON document: names of objects, such as ``data.items``."""


class NumberedPages(Section):
    """Pages with numbers; the first one without records ends them."""

    by: Literal["page"]
    parameter: Name
    first: int = Field(default=1, ge=0)
    size_parameter: Name | None = None
    size: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _check_size(self) -> Self:
        if (self.size is None) != (self.size_parameter is None):
            raise ValueError("size and size_parameter both, or neither")
        if self.size_parameter == self.parameter:
            raise ValueError(f"a size_parameter that is not the parameter; both are {self.parameter!r}")
        return self

    def find_query(self, position: int) -> dict[str, int]:
        """The parameters of a page; ``position`` counts from 0."""
        size = {self.size_parameter: self.size} if self.size_parameter and self.size else {}
        return {**size, self.parameter: self.first + position}


class CursorPages(Section):
    """Every answer holds at ``cursor`` what the next one is asked with; the last one holds nothing there."""

    by: Literal["cursor"]
    parameter: Name
    cursor: DottedPath


class LinkPages(Section):
    """Every answer holds the URL of the next one: in its ``Link`` header (RFC 8288), or at ``next`` in it."""

    by: Literal["link"]
    next: DottedPath | None = None


Pages = Annotated[NumberedPages | CursorPages | LinkPages, Field(discriminator="by")]


class HttpSource(ConnectedSource):
    """Records that an HTTP API answers with: those of a day (``daily``), or all that it has now (``snapshot``)."""

    kind: Literal["http"]
    path: str
    parameters: dict[Name, str | int | float | bool] = Field(default_factory=dict)
    records: DottedPath | None = None
    pages: Pages | None = None
    max_pages: int = Field(default=10_000, ge=1)
    retries: int = Field(default=5, ge=0, le=20)
    timeout_s: float = Field(default=30.0, gt=0, le=3600)
    max_wait_s: float = Field(default=300.0, gt=0, le=3600)
    requests_per_second: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _check_request(self) -> Self:
        if "://" in self.path or re.search(r"[?#\s]", self.path):
            raise ValueError("a path below the connection's address, without '?' and '#'; parameters has what follows")
        texts = [self.path, *(value for value in self.parameters.values() if isinstance(value, str))]
        found = [one for text in texts for one in _BRACES.findall(text)]
        unknown = [one for one in found if one not in _DAYS]
        if unknown:
            raise ValueError(f"only {{day}} and {{next_day}} in braces, in path and parameters, not {unknown[0]}")
        if self.grain == "daily" and "{day}" not in found:
            raise ValueError("{day} in path or parameters of a daily source: it says which records are asked for")
        if self.grain == "snapshot" and found:
            raise ValueError(f"no {found[0]} in a snapshot source, which is the live copy; a daily one asks for a day")
        return self

    @model_validator(mode="after")
    def _check_page_parameters(self) -> Self:
        own = {
            name
            for name in (getattr(self.pages, "parameter", None), getattr(self.pages, "size_parameter", None))
            if name
        }
        doubled = sorted(own & set(self.parameters))
        if doubled:
            raise ValueError(f"parameters without those of pages; {doubled[0]} is in both")
        return self

    @property
    def file_options(self) -> FileOptions:
        """Records are fetched into JSON lines."""
        return FileOptions("jsonl")

    @property
    def is_live(self) -> bool:
        """An answer that is of no day is what the API has now."""
        return self.grain == "snapshot"


def fill_day(text: str, day: date) -> str:
    """A text with a day, and the day after it, in place of ``{day}`` and ``{next_day}``."""
    return text.replace("{day}", day.isoformat()).replace("{next_day}", (day + timedelta(days=1)).isoformat())
