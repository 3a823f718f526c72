"""Lets in who may ask, before any route is looked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from include.serving.access import READING, AccessRefusal, Caller, decide_access
from include.serving.error_shapes import find_error_shape
from include.serving.timed_body import BodyTimer, TimedBody, has_body
from include.serving.tokens import ReadRules

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

CALLER: Final = "orrery.caller"
"""Where a request's scope has its :class:`Caller`."""

_CHALLENGE: Final = (b"www-authenticate", b'Bearer realm="orrery"')
# A browser asks a person for a token only where this is offered.
_READING_CHALLENGE: Final = (b"www-authenticate", b'Basic realm="orrery"')


class AccessMiddleware:
    """The outermost part of the application: refuses by :func:`decide_access`, and limits the time of a body."""

    def __init__(
        self, app: ASGIApp, read_rules: ReadRules, body_timeout_s: float, count_refusal: Callable[[AccessRefusal], None]
    ) -> None:
        self._app = app
        self._read_rules = read_rules
        self._body_timer = BodyTimer(body_timeout_s)
        self._count_refusal = count_refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on with its caller in the scope, or answer why not."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close"})
            return
        method, headers = scope["method"], scope["headers"]
        if has_body(method, headers):
            body = TimedBody(receive, send, self._body_timer)
            receive, send = body.receive, body.send
        decision = decide_access(method, scope["path"], headers, self._read_rules())
        if isinstance(decision, Caller):
            scope[CALLER] = decision
            await self._app(scope, receive, send)
        else:
            self._count_refusal(decision)
            await _send_refusal(decision, method, scope["path"], send)


async def _send_refusal(refusal: AccessRefusal, method: str, path: str, send: Send) -> None:
    status, content = find_error_shape(path)(refusal.status, refusal.detail)
    body = json.dumps(content).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers += [_CHALLENGE, _READING_CHALLENGE] if method in READING else [_CHALLENGE]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
