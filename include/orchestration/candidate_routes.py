"""Answers requests for the pages of the candidates.

Who may read the log of a model's training may read its pages: each page asks for the right to the DAG of its model, and
the index shows the models that a user has it for.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import FastAPI, HTTPException, Path, Request
from fastapi.responses import HTMLResponse

from include.candidate_pages import queries, render, views
from include.candidate_pages.paths import ROOT
from include.orchestration import pages
from include.orchestration.models import name_dag
from include.orchestration.pages import PageArea, answer, read_warehouse
from include.settings import load_settings

AREA: Final = PageArea(render.AREA, ROOT, "train_candidates of its model")

ModelName = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
RunId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


def make_app() -> FastAPI:
    """The application of the pages of the candidates."""
    routes: pages.Routes = [
        ("/", show_index),
        ("/models/{model}", show_model),
        ("/models/{model}/runs/{run_id}", show_candidate),
    ]
    return pages.make_app(AREA, routes, check_reader)


def check_reader(request: Request, user: GetUserDep) -> None:
    """Insist on the right to read the log of the training of the page's model, or of any model where it is of none.

    Raises:
        HTTPException: 403, the user has it not.
    """
    model = request.path_params.get("model")
    if not list_readable(request, user, [model] if model else list_declared() or [""]):
        raise HTTPException(403)


def list_readable(request: Request, user: GetUserDep, models: Iterable[str]) -> list[str]:
    """Those of the models whose training a user may read the log of."""
    return [name for name in models if _is_readable(request, user, name)]


def list_declared() -> list[str]:
    """The models of the configuration, those whose file is wrong too."""
    settings = load_settings()
    return sorted({*settings.models, *settings.broken_models})


def show_index(request: Request, user: GetUserDep) -> HTMLResponse:
    """All models with their newest trainings."""
    root = AREA.find_root(request)
    with read_warehouse() as session:
        trainings = queries.read_trainings(session)
    declared = list_declared()
    names = set(list_readable(request, user, {*declared, *(row["model_name"] for row in trainings)}))
    rows = [row for row in trainings if row["model_name"] in names]
    return answer(render.render_index(views.view_index(rows, [one for one in declared if one in names], root), root))


def show_model(request: Request, model: ModelName) -> HTMLResponse:
    """All trainings of one model."""
    root = AREA.find_root(request)
    with read_warehouse() as session:
        trainings = queries.read_trainings(session, model, queries.MODEL_SIZE)
    declared = [name for name in list_declared() if name == model]
    found = views.view_index(trainings, declared, root)
    if not found:
        raise HTTPException(404, f"There is no model {model!r}, and none of that name was ever trained.")
    return answer(render.render_model(found[0], root))


def show_candidate(request: Request, model: ModelName, run_id: RunId) -> HTMLResponse:
    """One candidate."""
    root = AREA.find_root(request)
    with read_warehouse() as session:
        records = queries.read_candidate(session, model, run_id)
    if records is None:
        raise HTTPException(404, f"No candidate of {model} was fitted by a run {run_id!r}.")
    return answer(render.render_candidate(views.view_candidate(records, root), root))


def _is_readable(request: Request, user: GetUserDep, model: str) -> bool:
    dag_id = name_dag(model, "train_candidates") if model else None
    try:
        requires_access_dag("GET", DagAccessEntity.TASK_LOGS, dag_id)(request, user)
    except HTTPException:
        return False
    return True
