"""The routes of the model server."""

from __future__ import annotations

from typing import Any, Final
from uuid import uuid4

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse

from include.rollout.staging import VERSION_HEADER
from include.serving.metrics import CONTENT_TYPE
from include.serving.refusal import RequestRefusedError
from include.serving.schemas import (
    BatchPrediction,
    BatchRequest,
    Health,
    Prediction,
    PredictRequest,
    Readiness,
    Refusal,
    ServerStatus,
)
from include.serving.server import ModelServer

REQUEST_ID_HEADER: Final = "X-Request-Id"
_VERSION_MAX: Final = 2**31 - 1
_REQUEST_ID_MAX: Final = 128

# Declared here and read by hand: declared as parameters, two headers cost a fifth of all requests a second.
_HEADERS: Final[dict[str, Any]] = {
    "parameters": [
        {
            "in": "header",
            "name": VERSION_HEADER,
            "description": "One explicit version, for staging; loads it if it is not loaded.",
            "schema": {"type": "integer", "minimum": 1, "maximum": _VERSION_MAX},
        },
        {
            "in": "header",
            "name": REQUEST_ID_HEADER,
            "description": "Comes back in the answer and stands in the inference log; made up when absent.",
            "schema": {"type": "string", "maxLength": _REQUEST_ID_MAX},
        },
    ]
}
_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    404: {"model": Refusal, "description": "the online store does not know the household"},
    422: {"model": Refusal, "description": "the request does not fit; the field or feature is named"},
    500: {"model": Refusal, "description": "the champion itself failed"},
    503: {"model": Refusal, "description": "no champion, or no warehouse; see Retry-After"},
}


def create_app(server: ModelServer) -> FastAPI:
    """The application around one server; its lifespan starts and stops the server."""
    app = FastAPI(
        title="Orrery model server",
        description="Churn of a household: by id, from the online store, or from features that you send.",
        lifespan=lambda _: server.run(),
    )
    app.add_exception_handler(RequestRefusedError, server.refuse)
    app.add_exception_handler(RequestValidationError, server.refuse)
    _add_predictions(app, server)
    _add_status(app, server)
    return app


def _add_predictions(app: FastAPI, server: ModelServer) -> None:
    @app.post("/predict", responses=_REFUSALS, openapi_extra=_HEADERS)
    async def predict(body: PredictRequest, request: Request) -> Prediction:
        """Predict the churn of one household."""
        return (await server.engine.predict([body], read_request_id(request), read_version(request)))[0]

    @app.post("/predict/batch", responses=_REFUSALS, openapi_extra=_HEADERS)
    async def predict_batch(body: BatchRequest, request: Request) -> BatchPrediction:
        """Predict several households; all are answered or none."""
        server.check_batch(body)
        predictions = await server.engine.predict(body.requests, read_request_id(request), read_version(request))
        return BatchPrediction(predictions=predictions)


def _add_status(app: FastAPI, server: ModelServer) -> None:
    @app.get("/healthz")
    async def show_health() -> Health:
        """Whether the process is alive."""
        return Health(status="ok")

    @app.get("/readyz", responses={503: {"model": Readiness}}, openapi_extra=_HEADERS)
    async def show_readiness(request: Request, response: Response) -> Readiness:
        """Whether the champion, or the explicit version, can answer; asking for a version loads it."""
        readiness = server.find_readiness(read_version(request))
        response.status_code = 200 if readiness.is_ready else 503
        return readiness

    @app.get("/metrics", response_class=PlainTextResponse)
    async def show_metrics() -> PlainTextResponse:
        """Counters for Prometheus."""
        return PlainTextResponse(server.render_metrics(), media_type=CONTENT_TYPE)

    @app.get("/")
    async def show_status() -> ServerStatus:
        """What the server knows and has done."""
        return server.describe()


def read_request_id(request: Request) -> str:
    """The request's own id, or a new one.

    Raises:
        RequestRefusedError: 422, it is too long.
    """
    request_id = request.headers.get(REQUEST_ID_HEADER) or uuid4().hex
    if len(request_id) > _REQUEST_ID_MAX:
        raise RequestRefusedError(422, f"{REQUEST_ID_HEADER} is longer than {_REQUEST_ID_MAX} characters.")
    return request_id


def read_version(request: Request) -> int | None:
    """The explicit version that a request asks for, or None.

    Raises:
        RequestRefusedError: 422, it is no version number.
    """
    text = request.headers.get(VERSION_HEADER)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:12]) <= _VERSION_MAX:
        raise RequestRefusedError(
            422, f"{VERSION_HEADER} is {text[:40]!r}; give a version number of the registry, such as 7."
        )
    return int(text)
