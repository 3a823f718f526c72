"""Writes the pages as HTML, in the layout of the pages of quality; every value is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import jinja2

from include.candidate_pages.queries import INDEX_SIZE, MODEL_SIZE
from include.quality_pages.render import TEMPLATES, make_environment

AREA: Final = "Candidates"


def render_index(models: Sequence[Mapping[str, Any]], root: str) -> str:
    """The page of all models with their newest trainings."""
    return _render("candidates_index.html", root, models=models, size=INDEX_SIZE)


def render_model(model: Mapping[str, Any], root: str) -> str:
    """The page of all trainings of a model."""
    return _render("candidates_model.html", root, model=model, size=MODEL_SIZE)


def render_candidate(view: Mapping[str, Any], root: str) -> str:
    """The page of one candidate."""
    return _render("candidate.html", root, **view)


def _render(template: str, root: str, **values: Any) -> str:
    return _load_environment().get_template(template).render(root=root, area=AREA, **values)


@cache
def _load_environment() -> jinja2.Environment:
    return make_environment(Path(__file__).parent / "templates", TEMPLATES)
