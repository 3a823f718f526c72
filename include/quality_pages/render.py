"""Writes the pages as HTML; every value is escaped, for it may come from a source's file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import jinja2

from include.quality_pages.plots import format_number
from include.quality_pages.queries import PAGE_SIZE, TREND_SIZE

TEMPLATES: Final = Path(__file__).parent / "templates"
AREA: Final = "Quality"


def render_index(sources: Sequence[Mapping[str, Any]], root: str) -> str:
    """The page of all sources."""
    return _render("index.html", root, sources=sources, trend_size=TREND_SIZE)


def render_source(view: Mapping[str, Any], root: str) -> str:
    """The page of a source over time."""
    return _render("source.html", root, page_size=PAGE_SIZE, **view)


def render_run(view: Mapping[str, Any], root: str) -> str:
    """The page of all that a run has audited."""
    return _render("run.html", root, **view)


def render_audit(view: Mapping[str, Any], root: str) -> str:
    """The page of one batch."""
    return _render("audit.html", root, **view)


def render_message(title: str, text: str, root: str, link: tuple[str, str] | None = None, area: str = AREA) -> str:
    """A page that says why another one cannot be shown, and what to do; ``link`` is a text and an address.

    Args:
        area: what the pages below ``root`` are called.
    """
    return _render("message.html", root, title=title, text=text, link=link, area=area)


def format_time(moment: datetime) -> str:
    """A moment in UTC, to the minute."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _render(template: str, root: str, **values: Any) -> str:
    return _load_environment().get_template(template).render(root=root, **{"area": AREA, **values})


@cache
def _load_environment() -> jinja2.Environment:
    return make_environment(TEMPLATES)


def make_environment(*folders: Path) -> jinja2.Environment:
    """Templates of the folders, the first one that has a name wins; values are escaped, unknown ones are errors."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": format_number, "time": format_time}
    return environment
