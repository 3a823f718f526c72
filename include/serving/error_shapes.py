"""The same refusal in the form that each protocol gives its errors; the path says which protocol a client speaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from fastapi import Request, Response

ErrorShape = Callable[[int, str], tuple[int, dict[str, Any]]]
"""From a status and a message to the status and the body of the answer."""

INFERENCE_ROOT: Final = "/v2"
MLFLOW_ENDPOINTS: Final = "/api/2.0/endpoints"
_MLFLOW_ENDS: Final = frozenset({"invocations", "ping", "health", "version"})
_MLFLOW_CODES: Final[Mapping[int, str]] = {
    404: "RESOURCE_DOES_NOT_EXIST",
    500: "INTERNAL_ERROR",
    503: "TEMPORARILY_UNAVAILABLE",
}


def find_error_shape(path: str) -> ErrorShape:
    """The form of errors on a path."""
    if path == INFERENCE_ROOT or path.startswith(f"{INFERENCE_ROOT}/"):
        return shape_inference_error
    if path.startswith(MLFLOW_ENDPOINTS) or path.rpartition("/")[2] in _MLFLOW_ENDS:
        return shape_mlflow_error
    return shape_detail


async def answer_http_error(request: Request, error: Exception) -> Response:
    """What the framework itself refuses, such as an unknown path, in the form of the path's protocol."""
    from fastapi.responses import JSONResponse
    from starlette.exceptions import HTTPException

    if not isinstance(error, HTTPException):
        raise error
    status, content = find_error_shape(request.url.path)(error.status_code, error.detail)
    return JSONResponse(content, status, error.headers)


def shape_detail(status: int, message: str) -> tuple[int, dict[str, Any]]:
    """FastAPI's form, for the routes that belong to no protocol."""
    return status, {"detail": message}


def shape_mlflow_error(status: int, message: str) -> tuple[int, dict[str, Any]]:
    """The form of MLflow's scoring server; a request that does not fit is 400 there, not 422."""
    status = _translate(status)
    return status, {"error_code": _MLFLOW_CODES.get(status, "BAD_REQUEST"), "message": message}


def shape_inference_error(status: int, message: str) -> tuple[int, dict[str, Any]]:
    """The form of the Open Inference Protocol; a request that does not fit is 400 there, not 422."""
    return _translate(status), {"error": message}


def _translate(status: int) -> int:
    return 400 if status == 422 else status
