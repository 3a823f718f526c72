"""The route that explains an answer: what each feature has moved it by."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from include.serving.plain_route import PlainRoute
from include.serving.request_head import REFUSALS, describe_request, read_body, read_head
from include.serving.schemas import Prediction, PredictRequest, Refusal
from include.serving.server import ModelServer


class Contribution(BaseModel):
    """What one feature moved the answer by; ``value`` is the entity's own, null where it is missing."""

    feature: str
    value: float | str | None
    contribution: float


class Explained(Prediction):
    """An answer, and the contributions of all features to it, the farthest first.

    ``base_value`` and all contributions add up to ``explained_value``: the probability that the answer is true, the
    probability of ``explained_class``, or the number.
    """

    base_value: float
    explained_value: float
    explained_class: str | None
    contributions: list[Contribution]
    method: str


def make_explain_router(server: ModelServer) -> APIRouter:
    """``POST /models/NAME/explain``, which takes what ``predict`` takes."""
    router = APIRouter(route_class=PlainRoute)
    responses: dict[int | str, dict[str, Any]] = {
        **REFUSALS,
        409: {"model": Refusal, "description": "the version was registered without the rows to compare with"},
    }

    @router.post(
        "/models/{name}/explain",
        response_model=Explained,
        responses=responses,
        openapi_extra=describe_request(PredictRequest.model_json_schema()),
    )
    async def explain(request: Request) -> Response:
        """Explain the answer to one entity; it is no prediction that was asked for, and is not logged as one."""
        engine = server.find_engine(request.path_params["name"])
        request_id, version = read_head(request)
        body = PredictRequest.model_validate_json(await read_body(request, server.body_max_bytes))
        return JSONResponse(await engine.explain(body, request_id, version))

    return router
