"""The headers and the body of a request to predict, and how the schema describes such a request."""

from __future__ import annotations

from secrets import token_hex
from typing import Any, Final

from fastapi import Request
from pydantic import BaseModel

from include.rollout.staging import VERSION_HEADER
from include.serving.refusal import RequestRefusedError
from include.serving.schemas import Refusal

REQUEST_ID_HEADER: Final = "X-Request-Id"
_MEANINGS: Final = {
    400: "the request does not fit; the key or feature is named",
    401: "no token, or one that no caller has",
    403: "the caller's role is too low, or the host or the page is foreign",
    404: "the model is not declared, or its online table does not hold the entity",
    408: "the body arrives too slowly",
    413: "the body is too large",
    415: "the body is not declared as application/json, or is compressed",
    422: "the request does not fit; the key or feature is named",
    500: "the champion itself failed",
    503: "no champion, or no warehouse; see Retry-After",
}

_VERSION_MAX: Final = 2**31 - 1
_REQUEST_ID_MAX: Final = 128
_DIGITS_MAX: Final = 18
_VERSION_KEY: Final = VERSION_HEADER.lower().encode()
_REQUEST_ID_KEY: Final = REQUEST_ID_HEADER.lower().encode()
_NAME: Final[dict[str, Any]] = {
    "in": "path",
    "name": "name",
    "required": True,
    "description": "A declared model.",
    "schema": {"type": "string"},
}
_VERSION: Final[dict[str, Any]] = {
    "in": "path",
    "name": "version",
    "required": True,
    "description": f"One explicit version, as in the header {VERSION_HEADER}.",
    "schema": {"type": "integer", "minimum": 1, "maximum": _VERSION_MAX},
}
_HEADERS: Final[list[dict[str, Any]]] = [
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


def read_head(request: Request, *, is_json: bool = True) -> tuple[str, int | None]:
    """The request's id (its own, or a new one), and the explicit version that it asks for.

    Args:
        is_json: whether the body should be declared as JSON, if it is declared at all.

    Raises:
        RequestRefusedError: 422, the id is too long or the version is no number; 415, the body is not JSON, or is
            compressed.
    """
    request_id, version, content_type = b"", None, b"application/json"
    for name, value in request.scope["headers"]:
        if name == _REQUEST_ID_KEY:
            request_id = value
        elif name == _VERSION_KEY:
            version = parse_version(value.decode("latin-1"))
        elif name == b"content-type":
            content_type = value
        elif name == b"content-encoding" and value != b"identity":
            raise RequestRefusedError(415, "Send the body as it is, without the header Content-Encoding.")
    if len(request_id) > _REQUEST_ID_MAX:
        raise RequestRefusedError(422, f"{REQUEST_ID_HEADER} is longer than {_REQUEST_ID_MAX} characters.")
    # Any page in a browser may send other types here without being asked for permission.
    if is_json and not content_type.lower().startswith(b"application/json"):
        raise RequestRefusedError(415, "Send the body as JSON, with the header Content-Type: application/json.")
    return request_id.decode("latin-1") or token_hex(16), version


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


def parse_version(text: str, place: str = VERSION_HEADER) -> int:
    """A version's number.

    Raises:
        RequestRefusedError: 422 that says what stands in that place instead.
    """
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(_VERSION_MAX))
    if not is_number or not 1 <= int(text) <= _VERSION_MAX:
        raise RequestRefusedError(422, f"{place} is {text[:40]!r}; give a version number of the registry, such as 7.")
    return int(text)


def describe_parameters(*, is_named: bool, is_versioned: bool = False) -> dict[str, Any]:
    """The parameters for the OpenAPI document, with the model's name and a version in the path or not."""
    path = [*([_NAME] if is_named else []), *([_VERSION] if is_versioned else [])]
    return {"parameters": [*path, *_HEADERS]}


def describe_request(schema: dict[str, Any], *, is_named: bool = True, is_versioned: bool = False) -> dict[str, Any]:
    """Parameters and body for the OpenAPI document."""
    body = {"required": True, "content": {"application/json": {"schema": schema}}}
    return {**describe_parameters(is_named=is_named, is_versioned=is_versioned), "requestBody": body}


def describe_refusals(form: type[BaseModel], *statuses: int) -> dict[int | str, dict[str, Any]]:
    """What the refusals of these statuses mean, in the form of a protocol, for the OpenAPI document.

    Those of who may ask are among them, and of a body that comes too slowly where it may be too large.
    """
    further = (401, 403, 408) if 413 in statuses else (401, 403)
    return {status: {"model": form, "description": _MEANINGS[status]} for status in sorted({*statuses, *further})}


REFUSALS: Final = describe_refusals(Refusal, 404, 413, 415, 422, 500, 503)
