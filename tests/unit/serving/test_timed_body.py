"""Bodies that arrive slowly, over a real socket."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from include.settings.rollout import ServerSettings
from tests.unit.serving.live_server import MODEL, TOKENS, Shelf, by_key, get, predict, serve, wait_until_ready

PATH = f"/models/{MODEL}/predict"
BODY = json.dumps(by_key(20)).encode()


@pytest.fixture
def slow_url(online_uri: str, shelf: Shelf, server_settings: ServerSettings) -> Iterator[str]:
    """A server that waits for a body half a second."""
    with serve(online_uri, shelf.load, server_settings.model_copy(update={"body_timeout_s": 0.5})) as url:
        wait_until_ready(url)
        yield url


@contextmanager
def connect(url: str) -> Iterator[socket.socket]:
    """A connection to the server."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        yield connection


def make_head(token: str | None, method: str = "POST", path: str = PATH, **headers: object) -> bytes:
    """The head of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    lines += [f"Authorization: Bearer {token}"] if token else []
    return "\r\n".join([*lines, "", ""]).encode()


def read_to_the_end(connection: socket.socket) -> tuple[int, str]:
    """Status and text of an answer after which the server has closed the connection."""
    content = b""
    while part := connection.recv(65536):
        content += part
    return int(content.split()[1]), content.decode()


def test_a_body_that_does_not_come_is_refused_and_the_connection_closed(slow_url: str) -> None:
    with connect(slow_url) as connection:
        connection.sendall(make_head(TOKENS["predict"], Content_Length=len(BODY)) + BODY[:5])
        status, text = read_to_the_end(connection)
    assert status == 408
    assert "The body did not arrive within 0.5 seconds" in text
    assert 'orrery_refusals_total{model="failures",status="408"} 1.0' in get(f"{slow_url}/metrics").text


def test_a_body_that_trickles_is_refused_at_the_same_time(slow_url: str) -> None:
    with connect(slow_url) as connection:
        connection.sendall(make_head(TOKENS["predict"], Transfer_Encoding="chunked"))
        connection.settimeout(0.05)
        answer = b""
        while not answer:
            connection.sendall(b"1\r\n \r\n")
            try:
                answer = connection.recv(65536)
            except TimeoutError:
                continue
    assert answer.split()[1] == b"408"


def test_a_body_in_two_parts_that_comes_in_time_is_answered_and_the_connection_kept(server_url: str) -> None:
    with connect(server_url) as connection:
        for _ in range(2):
            connection.sendall(make_head(TOKENS["predict"], Content_Length=len(BODY)) + BODY[:5])
            connection.sendall(BODY[5:])
            answer = b""
            while not answer.endswith(b"}"):
                part = connection.recv(65536)
                assert part, f"the connection was closed after {answer!r}"
                answer += part
            assert answer.split()[1] == b"200"
            assert b"connection: close" not in answer


@pytest.mark.parametrize(
    ("token", "method", "path", "status"),
    [
        (None, "POST", PATH, 401),
        (TOKENS["predict"], "POST", "/metrics", 403),
        (TOKENS["predict"], "GET", "/models", 200),
        (None, "GET", "/healthz", 200),
        (TOKENS["predict"], "POST", "/models/unknown/predict", 404),
    ],
)
def test_who_is_answered_before_the_body_has_come_keeps_no_connection(
    shared_url: str, token: str | None, method: str, path: str, status: int
) -> None:
    with connect(shared_url) as connection:
        connection.sendall(make_head(token, method, path, Content_Length=len(BODY)) + BODY[:5])
        answered, text = read_to_the_end(connection)
    assert answered == status
    assert "connection: close" in text.lower()


def test_a_slow_body_holds_up_nobody_else(slow_url: str) -> None:
    with connect(slow_url) as slow, connect(slow_url) as slower:
        for connection in (slow, slower):
            connection.sendall(make_head(TOKENS["predict"], Content_Length=len(BODY)))
        assert predict(slow_url, by_key(20)).status_code == 200
        assert [read_to_the_end(connection)[0] for connection in (slow, slower)] == [408, 408]
    assert predict(slow_url, by_key(20)).status_code == 200


def test_a_slow_client_that_goes_away_leaves_nothing_behind(slow_url: str) -> None:
    with connect(slow_url) as connection:
        connection.sendall(make_head(TOKENS["predict"], Content_Length=len(BODY)) + BODY[:5])
    assert predict(slow_url, by_key(20)).status_code == 200
