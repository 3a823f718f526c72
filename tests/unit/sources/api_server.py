"""A real HTTP server on loopback whose answers a test writes, and a clock that passes only while somebody waits."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from include.sources.http_waits import Timing


@dataclass(frozen=True)
class Request:
    """What a server was asked."""

    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    at: float


@dataclass
class Reply:
    """What a server answers; ``length`` is what it promises, ``hangs`` answers only when the server ends."""

    body: Any = field(default_factory=list)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    hangs: bool = False

    @property
    def bytes(self) -> bytes:
        """The body as it is sent."""
        if isinstance(self.body, bytes):
            return self.body
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()


class Clock:
    """Seconds that pass only while somebody waits; remembers the waits."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waits: list[float] = []

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.waits.append(seconds)
        self.now += seconds

    @property
    def timing(self) -> Timing:
        """For the code under test."""
        return Timing(lambda: self.now, self.wait)


class ApiServer:
    """Answers with what ``answer`` returns, and remembers the requests."""

    def __init__(self, port: int, ended: threading.Event) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.ended = ended
        self.begin()

    def begin(self) -> None:
        """Forget the last test."""
        self.requests: list[Request] = []
        self.answer: Callable[[Request], Reply] = lambda request: Reply(status=404)
        self.read_clock: Callable[[], float] = lambda: 0.0

    def reply_with(self, *replies: Reply) -> None:
        """One reply after the other; the last one for ever."""
        self.answer = lambda request: replies[min(len(self.requests), len(replies)) - 1]


@contextmanager
def serve_api() -> Iterator[ApiServer]:
    """A server in threads of its own."""
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            request = Request(parts.path, dict(parse_qsl(parts.query)), dict(self.headers), server.read_clock())
            server.requests.append(request)
            reply = server.answer(request)
            if reply.hangs:
                ended.wait()
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.length != -1:
                self.send_header("Content-Length", str(len(reply.bytes) if reply.length is None else reply.length))
            self.end_headers()
            self.wfile.write(reply.bytes)
            self.close_connection = reply.length is not None

        def send_response(self, code: int, message: str | None = None) -> None:
            """Without Server and Date, which a test may give."""
            self.send_response_only(code, message)

        def log_message(self, *args: object) -> None:
            pass

    class Listener(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that goes before the answer ends."""

    listener = Listener(("127.0.0.1", 0), Handler)
    server = ApiServer(listener.server_port, ended)
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        ended.set()
        listener.shutdown()
        listener.server_close()
        thread.join()
