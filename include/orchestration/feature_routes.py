"""Answers requests for the pages of the feature store, to users who may read the log of ``build_features``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, TypeVar

from fastapi import FastAPI, HTTPException, Path, Request
from fastapi.responses import HTMLResponse

from include.feature_pages import queries, render, views
from include.feature_pages.lineage import trace_model
from include.feature_pages.paths import ROOT
from include.features.catalog import load_catalog
from include.features.manifest import read_manifest
from include.orchestration import pages
from include.orchestration.pages import PageArea, answer, read_warehouse
from include.settings import load_settings

AREA: Final = PageArea(render.AREA, ROOT, "build_features")

TableT = TypeVar("TableT")
ModelName = Annotated[str, Path(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]


def make_app() -> FastAPI:
    """The application of the pages of the feature store."""
    return pages.make_app(AREA, [("/", show_index), ("/groups/{name}", show_group), ("/labels/{name}", show_label)])


def show_index(request: Request) -> HTMLResponse:
    """All groups and labels."""
    root, catalog = AREA.find_root(request), load_catalog()
    with read_warehouse() as session:
        summaries = queries.read_summaries(session)
    return answer(
        render.render_index(views.view_index(catalog, summaries, load_settings().models.values(), root), root)
    )


def show_group(request: Request, name: ModelName) -> HTMLResponse:
    """One group."""
    root, catalog = AREA.find_root(request), load_catalog()
    group = _find(name, catalog.groups, "feature group")
    with read_warehouse() as session:
        records = queries.read_group(session, name)
    lineage = trace_model(read_manifest(), name)
    return answer(
        render.render_group(views.view_group(group, records, lineage, load_settings().models.values(), root), root)
    )


def show_label(request: Request, name: ModelName) -> HTMLResponse:
    """One label table."""
    root, catalog = AREA.find_root(request), load_catalog()
    label = _find(name, catalog.labels, "label table")
    with read_warehouse() as session:
        rows = queries.read_label(session, label)
    lineage = trace_model(read_manifest(), name)
    return answer(
        render.render_label(views.view_label(label, rows, lineage, load_settings().models.values(), root), root)
    )


def _find(name: str, known: Mapping[str, TableT], what: str) -> TableT:
    if name not in known:
        raise HTTPException(404, f"There is no {what} {name!r}.")
    return known[name]
