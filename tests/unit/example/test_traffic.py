"""The demo's customers, against a real server on loopback and households in a real warehouse."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from include.example.traffic import Traffic
from include.local.ports import find_free_port
from include.warehouse.session import open_session

HOUSEHOLDS = (3, 5, 8)


@dataclass
class ModelServer:
    """Ready once it was asked ``unready`` times; gives ``answers`` to predictions, the last one for ever.

    An answer is a status, or 0 for hanging up without one.
    """

    unready: int = 0
    answers: list[int] = field(default_factory=lambda: [200])
    asked: list[int] = field(default_factory=list)
    readiness: list[int] = field(default_factory=list)
    proxied: list[str] = field(default_factory=list)
    wanted: int = 6
    is_enough: threading.Event = field(default_factory=threading.Event)

    def route(self, path: str) -> int:
        """The status of a GET; a whole address instead of a path is what a proxy is asked for."""
        if path.startswith("http"):
            self.proxied.append(path)
            self.is_enough.set()
            return 502
        return self.look() if path == "/readyz" else 404

    def look(self) -> int:
        """The status of /readyz."""
        self.readiness.append(503 if len(self.readiness) < self.unready else 200)
        return self.readiness[-1]

    def predict(self, household_id: int) -> int:
        """The status of /predict."""
        self.asked.append(household_id)
        if len(self.asked) >= self.wanted:
            self.is_enough.set()
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def server() -> ModelServer:
    """What the server will say."""
    return ModelServer()


@pytest.fixture
def url(server: ModelServer) -> Iterator[str]:
    """Where the server answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(server.route(self.path))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status = server.predict(body["household_id"]) if self.path == "/predict" else 404
            if status:
                self._send(status)

        def _send(self, status: int) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture
def households_uri(warehouse_uri: str) -> str:
    """A warehouse with a few customers."""
    with open_session(warehouse_uri) as session:
        session.execute("create table online.customer_features (household_id bigint primary key)")
        session.execute_many("insert into online.customer_features values (%s)", [(n,) for n in HOUSEHOLDS])
    return warehouse_uri


def test_customers_come_when_the_server_is_ready_and_no_earlier(
    server: ModelServer, url: str, households_uri: str
) -> None:
    server.unready = 2
    with Traffic(url, households_uri) as traffic:
        server.is_enough.wait()
        assert server.readiness == [503, 503, 200]
    assert traffic.answers == Counter({200: len(server.asked)})
    assert (traffic.requests, traffic.failed) == (len(server.asked), 0)
    assert set(server.asked) <= set(HOUSEHOLDS)
    assert len(set(server.asked)) > 1


def test_bad_answers_and_no_answers_are_counted_as_failed(server: ModelServer, url: str, households_uri: str) -> None:
    server.answers = [200, 500, 0, 503, 200]
    with Traffic(url, households_uri) as traffic:
        server.is_enough.wait()
    assert traffic.answers == Counter({200: len(server.asked) - 3, 500: 1, 0: 1, 503: 1})
    assert traffic.requests == len(server.asked)
    assert traffic.failed == 3


def test_nobody_asks_a_server_that_never_gets_ready(server: ModelServer, url: str, households_uri: str) -> None:
    server.unready = 1_000_000
    with Traffic(url, households_uri) as traffic:
        while not server.readiness:
            traffic._stop.wait(0.05)
    assert server.asked == []
    assert (traffic.requests, traffic.failed) == (0, 0)


def test_a_server_that_is_away_is_waited_for(households_uri: str) -> None:
    with Traffic(f"http://127.0.0.1:{find_free_port()}", households_uri) as traffic:
        traffic._stop.wait(0.5)
        assert traffic._thread is not None
        assert traffic._thread.is_alive()
    assert not traffic._thread.is_alive()
    assert traffic.requests == 0


def test_a_proxy_of_the_environment_is_not_asked_for_loopback(
    server: ModelServer, url: str, households_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with Traffic(url, households_uri) as traffic:
        server.is_enough.wait()
    assert server.proxied == []
    assert traffic.failed == 0
