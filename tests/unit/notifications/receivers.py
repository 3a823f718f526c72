"""Receivers on loopback: a service that takes messages over HTTP, and a mail server."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, Mapping[str, str], str]


@dataclass
class Service:
    """An HTTP service: answers with the replies in turn, the last one for good, and keeps what it was sent."""

    replies: list[Reply] = field(default_factory=lambda: [(200, {}, "ok")])
    url: str = ""
    posts: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    is_hanging: bool = False
    released: threading.Event = field(default_factory=threading.Event)
    judge: Callable[[str, dict[str, Any]], Reply] | None = None

    def answer(self, path: str, headers: dict[str, str], post: dict[str, Any]) -> Reply:
        self.paths.append(path)
        self.headers.append(headers)
        self.posts.append(post)
        if self.is_hanging:
            self.released.wait(120)
        if self.judge is not None:
            return self.judge(path, post)
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


@contextmanager
def serve(service: Service) -> Iterator[Service]:
    """Run a service on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            post = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, headers, body = service.answer(self.path, dict(self.headers), post)
            content = body.encode()
            try:
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)
            except OSError:
                pass  # the sender has given up

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    service.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield service
    finally:
        service.released.set()
        server.shutdown()
        server.server_close()


def slack_like(token: str) -> Callable[[str, dict[str, Any]], Reply]:
    """What Slack's incoming webhooks answer, by the path and the text."""

    def judge(path: str, post: dict[str, Any]) -> Reply:
        if path != f"/services/{token}":
            return 403, {}, "invalid_token"
        return (200, {}, "ok") if post.get("text") else (400, {}, "no_text")

    return judge


def pagerduty_like(routing_key: str) -> Callable[[str, dict[str, Any]], Reply]:
    """What PagerDuty's Events API v2 answers: 202 with the dedup_key, or 400 with what is wrong."""

    def judge(path: str, post: dict[str, Any]) -> Reply:
        payload = post.get("payload", {})
        wrong = [name for name in ("summary", "source", "severity") if not payload.get(name)]
        if path != "/v2/enqueue" or post.get("routing_key") != routing_key or wrong:
            return 400, {}, json.dumps({"status": "invalid event", "errors": wrong or [f"key {post['routing_key']}"]})
        return 202, {}, json.dumps({"status": "success", "dedup_key": post["dedup_key"]})

    return judge


@dataclass
class Mailbox:
    """What a mail server has taken, and who may log in."""

    port: int
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)


@contextmanager
def serve_mail(login: str = "", password: str = "", refused: str = "") -> Iterator[Mailbox]:
    """Run a mail server on a free port; with a login it takes nothing from others, and nothing for ``refused``."""
    from email import message_from_bytes, policy

    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import AuthResult

    class Handler:
        async def handle_RCPT(  # noqa: N802 - aiosmtpd's name for it
            self, server: Any, session: Any, envelope: Any, address: str, options: Any
        ) -> str:
            if address == refused:
                return "550 no such mailbox"
            envelope.rcpt_tos.append(address)
            return "250 OK"

        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - see above
            box.mails.append(message_from_bytes(envelope.content, policy=policy.default))
            box.recipients += envelope.rcpt_tos
            return "250 taken"

    def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        is_right = (data.login.decode(), data.password.decode()) == (login, password)
        return AuthResult(success=is_right, handled=False)

    options: dict[str, Any] = (
        {"authenticator": authenticate, "auth_required": True, "auth_require_tls": False} if login else {}
    )
    box = Mailbox(0)
    controller = Controller(Handler(), hostname="127.0.0.1", port=_find_port(), **options)
    controller.start()
    box.port = controller.port
    try:
        yield box
    finally:
        controller.stop()


def _find_port() -> int:
    from include.servers.ports import find_free_port

    return find_free_port()
