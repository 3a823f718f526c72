"""The routes of the Open Inference Protocol, version 2."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse

from include.serving.engine import ModelEngine
from include.serving.error_shapes import INFERENCE_ROOT
from include.serving.inference_protocol import (
    ID_MAX,
    JSON_LENGTH_HEADER,
    describe_model,
    describe_server,
    format_inference,
    parse_inference,
)
from include.serving.inference_schemas import (
    InferenceAnswer,
    InferenceModel,
    InferenceModelReady,
    InferenceRefusal,
    InferenceServer,
    InferenceServerLive,
    InferenceServerReady,
)
from include.serving.plain_route import PlainRoute
from include.serving.refusal import RequestRefusedError
from include.serving.request_head import (
    describe_parameters,
    describe_refusals,
    describe_request,
    parse_version,
    read_body,
    read_head,
)
from include.serving.server import ModelServer
from include.serving.tensors import DATATYPES

_BINARY: Final = "application/octet-stream"
BODY: Final[dict[str, Any]] = {
    "type": "object",
    "description": "One tensor for each feature, or one for each key, all of one length; null is undefined.",
    "required": ["inputs"],
    "properties": {
        "id": {"type": "string", "maxLength": ID_MAX, "pattern": "^[^\\u0000]*$"},
        "parameters": {"type": "object"},
        "inputs": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["name", "datatype", "shape", "data"],
                "properties": {
                    "name": {"type": "string"},
                    "datatype": {"enum": list(DATATYPES)},
                    "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
                    "data": {"type": "array"},
                },
            },
        },
        "outputs": {
            "type": "array",
            "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
        },
    },
    "additionalProperties": False,
    "examples": [{"inputs": [{"name": "machine_id", "datatype": "INT64", "shape": [1], "data": [7]}]}],
}
_REFUSALS: Final = describe_refusals(InferenceRefusal, 400, 404, 413, 415, 500, 503)
_NOT_FOUND: Final = describe_refusals(InferenceRefusal, 400, 404, 415, 503)
_PATHS: Final = ("/models/{name}", "/models/{name}/versions/{version}")


def add_inference_routes(app: FastAPI, server: ModelServer) -> None:
    """Add the routes to the application."""
    router = APIRouter(prefix=INFERENCE_ROOT, route_class=PlainRoute)
    _add_server(router, server, app.version)
    for path in _PATHS:
        _add_model(router, server, path)
    app.include_router(router)


def _add_server(router: APIRouter, server: ModelServer, version: str) -> None:
    @router.get("/health/live", response_model=InferenceServerLive)
    async def show_live(_: Request) -> Response:
        """Whether the process is alive."""
        return JSONResponse({"live": True})

    @router.get("/health/ready", response_model=InferenceServerReady, responses={503: {"model": InferenceServerReady}})
    async def show_ready(_: Request) -> Response:
        """Whether the server is ready, as ``/readyz`` says it."""
        is_ready = server.find_readiness().is_ready
        return JSONResponse({"ready": is_ready}, 200 if is_ready else 503)

    @router.get("", response_model=InferenceServer)
    async def show_server(_: Request) -> Response:
        """The server's metadata."""
        return JSONResponse(describe_server(version))


def _add_model(router: APIRouter, server: ModelServer, path: str) -> None:
    extra = describe_parameters(is_named=True, is_versioned="{version}" in path)

    @router.get(path, response_model=InferenceModel, responses=_NOT_FOUND, openapi_extra=extra)
    async def show_model(request: Request) -> Response:
        """Inputs and outputs of the model's champion, or of one version; asking for a version loads it."""
        engine = server.find_engine(request.path_params["name"])
        contract = engine.find_contract(_find_version(request)[1])
        return JSONResponse(describe_model(engine.name, contract, _list_versions(engine)))

    @router.get(
        f"{path}/ready",
        response_model=InferenceModelReady,
        responses={**_NOT_FOUND, 503: {"model": InferenceModelReady}},
        openapi_extra=extra,
    )
    async def show_model_ready(request: Request) -> Response:
        """Whether the model's champion, or one version, can answer; asking for a version loads it."""
        name = request.path_params["name"]
        readiness = server.find_model_readiness(name, _find_version(request)[1])
        content = {"name": name, "ready": readiness.is_ready}
        if readiness.is_ready:
            return JSONResponse(content)
        return JSONResponse({**content, "error": readiness.reason}, 503)

    @router.post(
        f"{path}/infer",
        response_model=InferenceAnswer,
        responses={200: {"content": {_BINARY: {}}}, **_REFUSALS},
        openapi_extra=describe_request(BODY, is_versioned="{version}" in path),
    )
    async def infer(request: Request) -> Response:
        """Predict the rows of the tensors; all are answered or none. Triton's binary tensors are taken and given."""
        engine = server.find_engine(request.path_params["name"])
        json_bytes = _read_json_length(request)
        own_id, version = _find_version(request, is_binary=json_bytes is not None)
        body = await read_body(request, server.body_max_bytes)
        contract = engine.find_contract(version)
        asked = parse_inference(body, json_bytes, contract, server.batch_max_rows)
        request_id = asked.request_id or own_id
        answers = await engine.predict(asked.requests, request_id, version)
        content, answer_json_bytes = format_inference(asked, request_id, contract, answers)
        if answer_json_bytes is None:
            return Response(content, media_type="application/json")
        return Response(content, headers={JSON_LENGTH_HEADER: str(answer_json_bytes)}, media_type=_BINARY)


def _find_version(request: Request, *, is_binary: bool = False) -> tuple[str, int | None]:
    """The request's id, and the explicit version: that of the path, else that of the header."""
    request_id, version = read_head(request, is_json=not is_binary)
    if "version" in request.path_params:
        version = parse_version(request.path_params["version"], "The version in the path")
    return request_id, version


def _read_json_length(request: Request) -> int | None:
    text = request.headers.get(JSON_LENGTH_HEADER)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise RequestRefusedError(422, f"{JSON_LENGTH_HEADER} is {text[:40]!r}; give the length of the JSON in bytes.")
    return int(text)


def _list_versions(engine: ModelEngine) -> list[int]:
    return sorted(slot.version for slot in engine.store.slots if slot.status == "ready")
