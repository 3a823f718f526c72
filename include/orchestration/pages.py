"""Pages that Airflow's API server mounts: who may see them, how they are answered, what is said when they cannot be.

Airflow authenticates nothing that it mounts. Each page depends on Airflow's own check of the token, from the header or
the cookie, and of the right to read the log of the DAG that the pages are about.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import psycopg
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import requires_access_dag
from airflow.exceptions import AirflowNotFoundException
from airflow.models.connection import Connection
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from include.errors import OrreryError, SettingsError, WarehouseError
from include.orchestration.connections import WAREHOUSE, libpq_uri
from include.quality_pages import queries, render
from include.warehouse.session import Session, open_session

log = logging.getLogger(__name__)

_HEADERS: Final = {
    # Nothing is loaded and nothing runs, whatever a value holds.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
_CONNECT_TIMEOUT_S: Final = 5

Routes = Sequence[tuple[str, Callable[..., HTMLResponse]]]


@dataclass(frozen=True)
class PageArea:
    """Pages of one subject: what they are called, where they are, and the DAG whose log their readers may read.

    Where each page has a DAG of its own (see :func:`make_app`), ``dag_id`` says in words which one.
    """

    name: str
    root: str
    dag_id: str

    def find_root(self, request: Request) -> str:
        """The path below which this request finds the pages, behind whatever prefix Airflow is served under."""
        return str(request.scope.get("root_path") or self.root)


def make_app(
    area: PageArea,
    routes: Routes,
    check: Callable[..., None] | None = None,
) -> FastAPI:
    """The application of an area; it describes itself nowhere, and every route of it asks who is there.

    Args:
        check: insists on a right, as a dependency of every route; without it, that to read the log of the area's DAG.
    """
    check = check or requires_access_dag("GET", DagAccessEntity.TASK_LOGS, area.dag_id)
    app = FastAPI(
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(check)],
        default_response_class=HTMLResponse,
    )
    app.state.area = area
    everything: list[tuple[str, Callable[..., HTMLResponse]]] = [*routes, ("/{rest:path}", show_nothing)]
    for path, endpoint in everything:
        app.add_api_route(path, endpoint, methods=["GET"])
    app.add_exception_handler(StarletteHTTPException, answer_refusal)
    app.add_exception_handler(RequestValidationError, answer_refusal)
    app.add_exception_handler(SettingsError, answer_settings)
    app.add_exception_handler(OrreryError, answer_outage)
    app.add_exception_handler(psycopg.Error, answer_outage)
    return app


def show_nothing(rest: str) -> HTMLResponse:  # noqa: ARG001 - the path that leads nowhere
    """Any other path: the check comes first, so that a stranger cannot tell which pages exist."""
    raise HTTPException(404, "There is no such page.")


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
    area: PageArea = request.app.state.area
    root = area.find_root(request)
    status = error.status_code if isinstance(error, StarletteHTTPException) else 404
    if status == 401:
        prefix = root.removesuffix(area.root)
        login = f"{prefix}/auth/login?next={quote(request.url.path, safe='/')}"
        text = f"The pages of {area.name.lower()} are for users of Airflow."
        page = render.render_message("Log in first", text, root, ("Log in", login), area.name)
        return answer(page, 401, {"WWW-Authenticate": "Bearer"})
    if status == 403:
        text = (
            f"Your user may not read the log of {area.dag_id}, or your login is not valid any more. "
            "Ask an administrator."
        )
        return answer(render.render_message("Not allowed", text, root, area=area.name), 403)
    text = str(error.detail) if isinstance(error, StarletteHTTPException) else "There is no such page."
    title = "Not found" if status == 404 else "Not possible"
    return answer(render.render_message(title, text, root, area=area.name), status)


async def answer_settings(request: Request, error: Exception) -> HTMLResponse:
    """Say which file is wrong or not made yet, in the words of the error."""
    area: PageArea = request.app.state.area
    page = render.render_message("Not configured", str(error), area.find_root(request), area=area.name)
    return answer(page, 503, {"Retry-After": "30"})


async def answer_outage(request: Request, error: Exception) -> HTMLResponse:
    """Say that the warehouse does not answer; what exactly it said is in the log alone."""
    area: PageArea = request.app.state.area
    log.warning("A page of %s could not be read: %s", area.name.lower(), error)
    text: Any = (
        "The warehouse does not answer, or lacks the tables of this release. The pages are back when it is: check that "
        "it is up (make status) and that Airflow's connection 'warehouse' is right. The log of the API server has the "
        "details."
    )
    page = render.render_message("The warehouse is away", text, area.find_root(request), area=area.name)
    return answer(page, 503, {"Retry-After": "30"})
