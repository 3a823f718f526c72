"""The routes of MLflow's scoring protocol, for each model and for the only one of a server."""

from __future__ import annotations

from importlib.metadata import version as find_package_version
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from include.serving.error_shapes import MLFLOW_ENDPOINTS, shape_mlflow_error
from include.serving.mlflow_protocol import (
    choose_only_model,
    describe_endpoint,
    format_predictions,
    parse_invocation,
)
from include.serving.mlflow_schemas import InvocationAnswer, MlflowEndpoint, MlflowEndpoints, MlflowRefusal
from include.serving.plain_route import PlainRoute
from include.serving.request_head import (
    REQUEST_ID_HEADER,
    describe_parameters,
    describe_refusals,
    describe_request,
    read_body,
    read_head,
)
from include.serving.server import ModelServer

BODY: Final[dict[str, Any]] = {
    "type": "object",
    "description": "Rows in one of the fields; each has all features, or the entity's keys alone.",
    "properties": {
        "dataframe_split": {
            "type": "object",
            "required": ["columns", "data"],
            "properties": {
                "columns": {"type": "array", "items": {"type": "string"}},
                "data": {"type": "array", "items": {"type": "array"}},
            },
        },
        "dataframe_records": {"type": "array", "items": {"type": "object"}},
        "inputs": {"type": ["array", "object"]},
        "instances": {"type": ["array", "object"]},
    },
    "minProperties": 1,
    "maxProperties": 1,
    "examples": [{"dataframe_records": [{"machine_id": 7}]}],
}
_REFUSALS: Final = describe_refusals(MlflowRefusal, 400, 404, 413, 415, 500, 503)
_TEXT: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}
_PING: Final = {**_TEXT, **describe_refusals(MlflowRefusal, 503)}
_PINGS: Final = {**_TEXT, **describe_refusals(MlflowRefusal, 404, 415, 400, 503)}
_OF_MODEL: Final = {**_TEXT, **describe_refusals(MlflowRefusal, 404)}
_NAME: Final = {"parameters": describe_parameters(is_named=True)["parameters"][:1]}


def add_mlflow_routes(app: FastAPI, server: ModelServer) -> None:
    """Add the routes to the application."""
    router = APIRouter(route_class=PlainRoute)
    _add_invocations(router, server)
    _add_health(router, server)
    _add_endpoints(router, server)
    app.include_router(router)


def _add_invocations(router: APIRouter, server: ModelServer) -> None:
    async def answer(request: Request, name: str) -> Response:
        engine = server.find_engine(name)
        request_id, version = read_head(request)
        body = await read_body(request, server.body_max_bytes)
        contract = engine.find_contract(version)
        requests = parse_invocation(body, contract, server.batch_max_rows)
        answers = await engine.predict(requests, request_id, version)
        return JSONResponse(format_predictions(contract, answers), headers={REQUEST_ID_HEADER: request_id})

    named: dict[str, Any] = {
        "response_model": InvocationAnswer,
        "responses": _REFUSALS,
        "openapi_extra": describe_request(BODY),
    }

    @router.post("/models/{name}/invocations", **named)
    @router.post("/endpoints/{name}/invocations", **named)
    async def invoke(request: Request) -> Response:
        """Predict rows by MLflow's scoring protocol; all are answered or none."""
        return await answer(request, request.path_params["name"])

    @router.post("/invocations", **named | {"openapi_extra": describe_request(BODY, is_named=False)})
    async def invoke_only_model(request: Request) -> Response:
        """The same on a server of one model; on another one, 404 that lists the models."""
        return await answer(request, choose_only_model(list(server.engines)))


def _add_health(router: APIRouter, server: ModelServer) -> None:
    async def ping(_: Request) -> Response:
        """Whether the server is ready, as ``/readyz`` says it, for MLflow's clients and load balancers."""
        readiness = server.find_readiness()
        return _answer_ping(readiness.is_ready, readiness.reason)

    async def ping_model(request: Request) -> Response:
        """Whether the model's champion, or the explicit version, can answer."""
        readiness = server.find_model_readiness(request.path_params["name"], read_head(request)[1])
        return _answer_ping(readiness.is_ready, readiness.reason)

    async def show_version(request: Request) -> Response:
        """The release of MLflow whose protocol is spoken."""
        if "name" in request.path_params:
            server.find_engine(request.path_params["name"])
        return PlainTextResponse(find_package_version("mlflow"))

    parameters = describe_parameters(is_named=True)
    for path in ("ping", "health"):
        router.get(f"/{path}", response_class=Response, responses=_PING)(ping)
        router.get(f"/models/{{name}}/{path}", response_class=Response, responses=_PINGS, openapi_extra=parameters)(
            ping_model
        )
    router.get("/version", response_class=Response, responses=_TEXT)(show_version)
    router.get("/models/{name}/version", response_class=Response, responses=_OF_MODEL, openapi_extra=_NAME)(
        show_version
    )


def _answer_ping(is_ready: bool, reason: str) -> Response:
    if is_ready:
        return PlainTextResponse("\n")
    status, content = shape_mlflow_error(503, reason)
    return JSONResponse(content, status)


def _add_endpoints(router: APIRouter, server: ModelServer) -> None:
    @router.get(f"{MLFLOW_ENDPOINTS}/", response_model=MlflowEndpoints)
    async def list_endpoints(_: Request) -> Response:
        """Every model, as MLflow's deployments client lists them."""
        return JSONResponse({"endpoints": [describe_endpoint(name) for name in server.engines]})

    @router.get(
        f"{MLFLOW_ENDPOINTS}/{{name}}",
        response_model=MlflowEndpoint,
        responses=describe_refusals(MlflowRefusal, 404),
        openapi_extra=_NAME,
    )
    async def show_endpoint(request: Request) -> Response:
        """One model, as MLflow's deployments client reads it."""
        return JSONResponse(describe_endpoint(server.find_engine(request.path_params["name"]).name))
