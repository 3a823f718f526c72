"""The headers and the body of a request to predict, and how the schema describes such a request."""

from __future__ import annotations

from typing import Any, Final
from uuid import uuid4

from fastapi import Request

from include.rollout.staging import VERSION_HEADER
from include.serving.refusal import RequestRefusedError
from include.serving.schemas import Refusal

REQUEST_ID_HEADER: Final = "X-Request-Id"
REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    401: {"model": Refusal, "description": "no token, or one that no caller has"},
    403: {"model": Refusal, "description": "the caller's role is too low, or the host or the page is foreign"},
    404: {"model": Refusal, "description": "the model is not declared, or its online table does not hold the entity"},
    408: {"model": Refusal, "description": "the body arrives too slowly"},
    413: {"model": Refusal, "description": "the body is too large"},
    415: {"model": Refusal, "description": "the body is not declared as application/json"},
    422: {"model": Refusal, "description": "the request does not fit; the key or feature is named"},
    500: {"model": Refusal, "description": "the champion itself failed"},
    503: {"model": Refusal, "description": "no champion, or no warehouse; see Retry-After"},
}

_VERSION_MAX: Final = 2**31 - 1
_REQUEST_ID_MAX: Final = 128
_DIGITS_MAX: Final = 18
_VERSION_KEY: Final = VERSION_HEADER.lower().encode()
_REQUEST_ID_KEY: Final = REQUEST_ID_HEADER.lower().encode()
_PARAMETERS: Final[list[dict[str, Any]]] = [
    {"in": "path", "name": "name", "required": True, "description": "A declared model.", "schema": {"type": "string"}},
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


def read_head(request: Request) -> tuple[str, int | None]:
    """The request's id (its own, or a new one), and the explicit version that it asks for.

    Raises:
        RequestRefusedError: 422, the id is too long or the version is no number; 415, the body is not JSON.
    """
    request_id, version, content_type = b"", None, b"application/json"
    for name, value in request.scope["headers"]:
        if name == _REQUEST_ID_KEY:
            request_id = value
        elif name == _VERSION_KEY:
            version = _parse_version(value.decode("latin-1"))
        elif name == b"content-type":
            content_type = value
    if len(request_id) > _REQUEST_ID_MAX:
        raise RequestRefusedError(422, f"{REQUEST_ID_HEADER} is longer than {_REQUEST_ID_MAX} characters.")
    # Any page in a browser may send other types here without being asked for permission.
    if not content_type.lower().startswith(b"application/json"):
        raise RequestRefusedError(415, "Send the body as JSON, with the header Content-Type: application/json.")
    return request_id.decode("latin-1") or uuid4().hex, version


async def read_body(request: Request, bytes_max: int) -> bytes:
    """The body, as long as it is not too large; of one that is, no more is read, and nothing is parsed.

    Raises:
        RequestRefusedError: 413 with the limit.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and (len(declared) > _DIGITS_MAX or int(declared) > bytes_max):
        raise _refuse_size(bytes_max)
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > bytes_max:
            raise _refuse_size(bytes_max)
        parts.append(part)
    return b"".join(parts)


def _refuse_size(bytes_max: int) -> RequestRefusedError:
    return RequestRefusedError(413, f"The body is larger than {bytes_max:,} bytes. Split the batch.")


def _parse_version(text: str) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(_VERSION_MAX))
    if not is_number or not 1 <= int(text) <= _VERSION_MAX:
        raise RequestRefusedError(
            422, f"{VERSION_HEADER} is {text[:40]!r}; give a version number of the registry, such as 7."
        )
    return int(text)


def describe_parameters(*, is_named: bool) -> dict[str, Any]:
    """The parameters for the OpenAPI document, with the model's name among them or not."""
    return {"parameters": _PARAMETERS if is_named else _PARAMETERS[1:]}


def describe_request(schema: dict[str, Any]) -> dict[str, Any]:
    """Parameters and body for the OpenAPI document."""
    body = {"required": True, "content": {"application/json": {"schema": schema}}}
    return {**describe_parameters(is_named=True), "requestBody": body}
