"""Answers requests for the pages of quality, to users of Airflow who may read the log of ``ingest_sources``.

Airflow authenticates nothing that it mounts. Each page depends on Airflow's own check of the token, from the header or
the cookie, and of the right to read that log: it has shown values of rows that break rules all along.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final
from urllib.parse import quote

import psycopg
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import requires_access_dag
from airflow.exceptions import AirflowNotFoundException
from airflow.models.connection import Connection
from fastapi import Depends, FastAPI, HTTPException, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from include.errors import OrreryError, WarehouseError
from include.orchestration.connections import WAREHOUSE, libpq_uri
from include.quality.page_paths import ROOT
from include.quality_pages import queries, render, views
from include.settings import load_settings
from include.warehouse.session import Session, open_session

log = logging.getLogger(__name__)

DAG_ID: Final = "ingest_sources"
_HEADERS: Final = {
    # Nothing is loaded and nothing runs, whatever a source's values hold.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
_CONNECT_TIMEOUT_S: Final = 5
_LAST_PAGE: Final = 100_000

SourceName = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
# What Airflow allows in the id of a run, and the day that is added for a late one.
AuditId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_.~:+-]{1,270}$")]
PageNumber = Annotated[int, Query(ge=1, le=_LAST_PAGE)]


def make_app() -> FastAPI:
    """The application; it describes itself nowhere, and every route of it asks who is there."""
    check = requires_access_dag("GET", DagAccessEntity.TASK_LOGS, DAG_ID)
    app = FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(check)],
        default_response_class=HTMLResponse,
    )
    for path, endpoint in (
        ("/", show_index),
        ("/sources/{source}", show_source),
        ("/sources/{source}/audits/{audit_id}", show_audit),
        ("/runs/{audit_id}", show_run),
        ("/{rest:path}", show_nothing),
    ):
        app.add_api_route(path, endpoint, methods=["GET"])
    app.add_exception_handler(StarletteHTTPException, answer_refusal)
    app.add_exception_handler(RequestValidationError, answer_refusal)
    app.add_exception_handler(OrreryError, answer_outage)
    app.add_exception_handler(psycopg.Error, answer_outage)
    return app


def show_index(request: Request) -> HTMLResponse:
    """All sources."""
    root = find_page_root(request)
    with read_warehouse() as session:
        audits, published = queries.read_index(session)
    known = load_settings().sources.sources
    return answer(render.render_index(views.view_index(audits, published, known, root), root))


def show_source(request: Request, source: SourceName, page: PageNumber = 1) -> HTMLResponse:
    """One source over time."""
    root = find_page_root(request)
    with read_warehouse() as session:
        history = queries.read_source(session, source, page)
    if not history.total and source not in load_settings().sources.sources:
        raise HTTPException(404, f"There is no source {source!r}, and none of that name was ever audited.")
    if page > history.page_count:
        raise HTTPException(404, f"The history of {source} has {history.page_count} pages.")
    return answer(render.render_source(views.view_source(history, source, root), root))


def show_run(request: Request, audit_id: AuditId) -> HTMLResponse:
    """All batches of one run."""
    root = find_page_root(request)
    with read_warehouse() as session:
        audits = queries.read_run(session, audit_id)
    return answer(render.render_run(views.view_run(audits, audit_id, root), root))


def show_audit(request: Request, source: SourceName, audit_id: AuditId) -> HTMLResponse:
    """One batch."""
    root = find_page_root(request)
    with read_warehouse() as session:
        audit = queries.read_audit(session, source, audit_id)
    if audit is None:
        raise HTTPException(404, f"No audit {audit_id!r} of {source} is known.")
    return answer(render.render_audit(views.view_audit(audit, root), root))


def show_nothing(rest: str) -> HTMLResponse:  # noqa: ARG001 - the path that leads nowhere
    """Any other path: the check comes first, so that a stranger cannot tell which pages exist."""
    raise HTTPException(404, "There is no such page.")


def find_page_root(request: Request) -> str:
    """The path below which this request finds the pages, behind whatever prefix Airflow is served under."""
    return str(request.scope.get("root_path") or ROOT)


@contextmanager
def read_warehouse() -> Iterator[Session]:
    """A transaction that reads.

    Raises:
        WarehouseError: the warehouse cannot be reached, or Airflow has no connection to it.
    """
    try:
        connection = Connection.get_connection_from_secrets(WAREHOUSE)
    except AirflowNotFoundException as error:
        raise WarehouseError(
            f"Airflow has no connection {WAREHOUSE!r}. Add it; see docs/guides/engineer.md."
        ) from error
    with open_session(libpq_uri(connection), connect_timeout_s=_CONNECT_TIMEOUT_S) as session:
        queries.prepare_reading(session)
        yield session


def answer(page: str, status: int = 200, headers: dict[str, str] | None = None) -> HTMLResponse:
    """A page that nothing may run in and nobody keeps."""
    return HTMLResponse(page, status, {**_HEADERS, **(headers or {})})


async def answer_refusal(request: Request, error: Exception) -> HTMLResponse:
    """Say why a page is not shown: not logged in, not allowed, or not there."""
    root = find_page_root(request)
    status = error.status_code if isinstance(error, StarletteHTTPException) else 404
    if status == 401:
        prefix = root.removesuffix(ROOT)
        login = f"{prefix}/auth/login?next={quote(request.url.path, safe='/')}"
        page = render.render_message(
            "Log in first", "The pages of quality are for users of Airflow.", root, ("Log in", login)
        )
        return answer(page, 401, {"WWW-Authenticate": "Bearer"})
    if status == 403:
        text = f"Your user may not read the log of {DAG_ID}, or your login is not valid any more. Ask an administrator."
        return answer(render.render_message("Not allowed", text, root), 403)
    text = str(error.detail) if isinstance(error, StarletteHTTPException) else "There is no such page."
    return answer(render.render_message("Not found" if status == 404 else "Not possible", text, root), status)


async def answer_outage(request: Request, error: Exception) -> HTMLResponse:
    """Say that the warehouse does not answer; what exactly it said is in the log alone."""
    log.warning("A page of quality could not be read: %s", error)
    text: Any = (
        "The warehouse does not answer, or lacks the tables of this release. The pages are back when it is: check that "
        "it is up (make status) and that Airflow's connection 'warehouse' is right. The log of the API server has the "
        "details."
    )
    return answer(
        render.render_message("The warehouse is away", text, find_page_root(request)), 503, {"Retry-After": "30"}
    )
