"""Answers requests for the pages of quality, to users of Airflow who may read the log of ``ingest_sources``.

That log has shown values of rows that break rules all along.
"""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import FastAPI, HTTPException, Path, Query, Request
from fastapi.responses import HTMLResponse

from include.orchestration import pages
from include.orchestration.pages import PageArea, answer, read_warehouse
from include.quality.page_paths import ROOT
from include.quality_pages import queries, render, views
from include.settings import load_settings

AREA: Final = PageArea(render.AREA, ROOT, "ingest_sources")
_LAST_PAGE: Final = 100_000

SourceName = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
# What Airflow allows in the id of a run, and the day that is added for a late one.
AuditId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_.~:+-]{1,270}$")]
PageNumber = Annotated[int, Query(ge=1, le=_LAST_PAGE)]


def make_app() -> FastAPI:
    """The application of the pages of quality."""
    return pages.make_app(
        AREA,
        [
            ("/", show_index),
            ("/sources/{source}", show_source),
            ("/sources/{source}/audits/{audit_id}", show_audit),
            ("/runs/{audit_id}", show_run),
        ],
    )


def show_index(request: Request) -> HTMLResponse:
    """All sources."""
    root = AREA.find_root(request)
    with read_warehouse() as session:
        audits, published = queries.read_index(session)
    known = load_settings().sources.sources
    return answer(render.render_index(views.view_index(audits, published, known, root), root))


def show_source(request: Request, source: SourceName, page: PageNumber = 1) -> HTMLResponse:
    """One source over time."""
    root = AREA.find_root(request)
    with read_warehouse() as session:
        history = queries.read_source(session, source, page)
    if not history.total and source not in load_settings().sources.sources:
        raise HTTPException(404, f"There is no source {source!r}, and none of that name was ever audited.")
    if page > history.page_count:
        raise HTTPException(404, f"The history of {source} has {history.page_count} pages.")
    return answer(render.render_source(views.view_source(history, source, root), root))


def show_run(request: Request, audit_id: AuditId) -> HTMLResponse:
    """All batches of one run."""
    root = AREA.find_root(request)
    with read_warehouse() as session:
        audits = queries.read_run(session, audit_id)
    return answer(render.render_run(views.view_run(audits, audit_id, root), root))


def show_audit(request: Request, source: SourceName, audit_id: AuditId) -> HTMLResponse:
    """One batch."""
    root = AREA.find_root(request)
    with read_warehouse() as session:
        audit = queries.read_audit(session, source, audit_id)
    if audit is None:
        raise HTTPException(404, f"No audit {audit_id!r} of {source} is known.")
    return answer(render.render_audit(views.view_audit(audit, root), root))
