"""Writes the pages as HTML, in the layout of the pages of quality; every value is escaped."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import jinja2

from include.feature_pages.queries import HISTORY_SIZE, VALIDATIONS_SIZE
from include.quality_pages.render import TEMPLATES, make_environment

AREA: Final = "Features"


def render_index(view: Mapping[str, Any], root: str) -> str:
    """The page of all groups and labels."""
    return _render("features_index.html", root, **view)


def render_group(view: Mapping[str, Any], root: str) -> str:
    """The page of a group."""
    return _render("group.html", root, **view)


def render_label(view: Mapping[str, Any], root: str) -> str:
    """The page of a label table."""
    return _render("label.html", root, **view)


def _render(template: str, root: str, **values: Any) -> str:
    page = _load_environment().get_template(template)
    return page.render(root=root, area=AREA, history_size=HISTORY_SIZE, validations_size=VALIDATIONS_SIZE, **values)


@cache
def _load_environment() -> jinja2.Environment:
    return make_environment(Path(__file__).parent / "templates", TEMPLATES)
