"""The routes of the model server."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from include.serving.access import Role
from include.serving.access_middleware import CALLER, AccessMiddleware
from include.serving.api_document import ApiDocument, read_champions
from include.serving.docs_page import render_docs
from include.serving.error_shapes import answer_http_error
from include.serving.explain_routes import make_explain_router
from include.serving.inference_routes import add_inference_routes
from include.serving.metrics import CONTENT_TYPE
from include.serving.mlflow_routes import add_mlflow_routes
from include.serving.plain_route import PlainRoute
from include.serving.refusal import RequestRefusedError
from include.serving.request_head import (
    REFUSALS,
    describe_parameters,
    describe_refusals,
    describe_request,
    read_body,
    read_head,
)
from include.serving.rows import check_count
from include.serving.schemas import (
    BatchPrediction,
    BatchRequest,
    Health,
    ModelStatus,
    Prediction,
    PredictRequest,
    Readiness,
    Refusal,
    ServerReadiness,
    ServerStatus,
    hide_reasons,
)
from include.serving.server import ModelServer
from include.serving.tokens import ReadRules


def create_app(server: ModelServer, read_rules: ReadRules) -> FastAPI:
    """The application around one server; its lifespan starts and stops the server, ``read_rules`` say who may ask."""
    app = FastAPI(
        title="Orrery model server",
        description="Predictions of every declared model, by key from the online tables or from sent features. "
        "Send a token with each request: Authorization: Bearer TOKEN.",
        lifespan=lambda _: server.run(),
        # FastAPI's own document knows no model, and its own pages load their scripts from the internet.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.add_middleware(
        AccessMiddleware,
        read_rules=read_rules,
        body_timeout_s=server.body_timeout_s,
        count_refusal=server.count_access_refusal,
    )
    app.add_exception_handler(RequestRefusedError, server.refuse)
    app.add_exception_handler(ValidationError, server.refuse)
    app.add_exception_handler(HTTPException, answer_http_error)
    _add_predictions(app, server)
    app.include_router(make_explain_router(server))
    _add_models(app, server)
    _add_status(app, server)
    add_mlflow_routes(app, server)
    add_inference_routes(app, server)
    _add_documents(app, server)
    return app


def answer_json(content: Any) -> Response:
    """An answer as JSON; msgspec takes a tenth of the time of the standard library's encoder."""
    return Response(msgspec.json.encode(content), media_type="application/json")


def _add_predictions(app: FastAPI, server: ModelServer) -> None:
    router = APIRouter(route_class=PlainRoute)

    @router.post(
        "/models/{name}/predict",
        response_model=Prediction,
        responses=REFUSALS,
        openapi_extra=describe_request(PredictRequest.model_json_schema()),
    )
    async def predict(request: Request) -> Response:
        """Predict one entity."""
        engine = server.find_engine(request.path_params["name"])
        request_id, version = read_head(request)
        body = PredictRequest.model_validate_json(await read_body(request, server.body_max_bytes))
        return answer_json((await engine.predict([body], request_id, version))[0])

    @router.post(
        "/models/{name}/predict/batch",
        response_model=BatchPrediction,
        responses=REFUSALS,
        openapi_extra=describe_request(
            {
                "type": "object",
                "required": ["requests"],
                "properties": {
                    "requests": {"type": "array", "minItems": 1, "items": PredictRequest.model_json_schema()}
                },
            }
        ),
    )
    async def predict_batch(request: Request) -> Response:
        """Predict several entities; all are answered or none."""
        engine = server.find_engine(request.path_params["name"])
        request_id, version = read_head(request)
        body = BatchRequest.model_validate_json(await read_body(request, server.body_max_bytes))
        check_count(len(body.requests), server.batch_max_rows)
        return answer_json({"predictions": await engine.predict(body.requests, request_id, version)})

    app.include_router(router)


def _add_models(app: FastAPI, server: ModelServer) -> None:
    @app.get("/models")
    async def list_models() -> ServerStatus:
        """Every declared model, and what the server has done since it started."""
        return server.describe()

    @app.get("/models/{name}", responses=describe_refusals(Refusal, 404, 422))
    async def show_model(name: str) -> ModelStatus:
        """What one model takes, which versions are loaded, and who answers."""
        return server.describe_model(name)

    @app.get(
        "/models/{name}/readyz",
        responses={**describe_refusals(Refusal, 404, 415, 422), 503: {"model": Readiness}},
        openapi_extra=describe_parameters(is_named=False),
    )
    async def show_model_readiness(name: str, request: Request, response: Response) -> Readiness:
        """Whether the champion, or the explicit version, can answer; asking for a version loads it."""
        readiness = server.find_model_readiness(name, read_head(request)[1])
        response.status_code = 200 if readiness.is_ready else 503
        return readiness


def _add_status(app: FastAPI, server: ModelServer) -> None:
    @app.get("/healthz")
    async def show_health() -> Health:
        """Whether the process is alive."""
        return Health(status="ok")

    @app.get("/readyz", responses={503: {"model": ServerReadiness}})
    async def show_readiness(request: Request, response: Response) -> ServerReadiness:
        """Whether every model that has a champion can answer, but for those whose champion could not be loaded.

        Without a token, as probes ask, the answer has no names and no reasons.
        """
        readiness = server.find_readiness()
        response.status_code = 200 if readiness.is_ready else 503
        return readiness if request.scope[CALLER].role >= Role.PREDICT else hide_reasons(readiness)

    @app.get("/metrics", response_class=PlainTextResponse)
    async def show_metrics() -> Response:
        """Counters for Prometheus."""
        return Response(server.render_metrics(), media_type=CONTENT_TYPE)


def _add_documents(app: FastAPI, server: ModelServer) -> None:
    document = ApiDocument(app.openapi, lambda: read_champions(server.engines))

    @app.get("/openapi.json", include_in_schema=False)
    async def show_openapi() -> Response:
        """The OpenAPI document."""
        return Response(await document.read_text(), media_type="application/json")

    @app.get("/docs", include_in_schema=False)
    async def show_docs() -> HTMLResponse:
        """The routes and the models as a page."""
        return HTMLResponse(render_docs(await document.read(), server.describe()))
