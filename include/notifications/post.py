"""Posts a message to a service over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import TYPE_CHECKING, Final

from include.notifications.answer import Answer
from include.notifications.message import Message, cut_text
from include.notifications.services import build_payload
from include.notifications.target import HttpTarget

if TYPE_CHECKING:
    import ssl

    import httpx

_DETAIL_LENGTH: Final = 300
_ASKED_MAX_S: Final = 86400.0


def post_message(message: Message, target: HttpTarget, timeout_s: float) -> Answer:
    """Post once; an address that leads elsewhere is not followed, for the secret would go there."""
    import httpx

    headers: dict[str, str] = {"Idempotency-Key": message.dedup_key.encode("ascii", "replace").decode()}
    auth: tuple[str, str] | None = None
    if target.kind == "webhook" and target.login:
        auth = (target.login, target.secret)
    elif target.kind == "webhook" and target.secret:
        headers["Authorization"] = f"Bearer {target.secret}"
    try:
        content = build_payload(message, target)
        answer = httpx.post(
            target.url, json=content, headers=headers, auth=auth, timeout=timeout_s, verify=load_certificates()
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Answer(False, f"{type(error).__name__}: {error}")
    detail = cut_text(f"HTTP {answer.status_code} {answer.text.strip()}".strip(), _DETAIL_LENGTH)
    return Answer(answer.is_success, detail, read_retry_after(answer))


@cache
def load_certificates() -> ssl.SSLContext:
    """What certificates are checked by; the first call, with the import, takes seconds on a busy machine."""
    import httpx

    return httpx.create_ssl_context()


def read_retry_after(answer: httpx.Response) -> float:
    """The seconds that a service asks for (RFC 9110, 10.2.3): a number or a date, a day at most; 0 without them."""
    asked = answer.headers.get("Retry-After", "").strip()
    try:
        seconds = (
            float(asked) if asked.isdigit() else (parsedate_to_datetime(asked) - datetime.now(UTC)).total_seconds()
        )
    except (ValueError, TypeError):
        return 0.0
    return min(max(0.0, seconds), _ASKED_MAX_S)
