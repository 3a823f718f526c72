"""Advisories about the installed packages, asked of a real HTTP server with OSV's interface."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from typing import Any

import pytest

from include.evaluation.advisories import list_advisories, list_packages
from include.servers.ports import find_free_port

PACKAGES = {"jinja2": "3.1.2", "numpy": "1.26.4"}


@contextmanager
def serve(answer: Any, status: int = 200) -> Iterator[tuple[str, list[Any]]]:
    """A server that answers every question alike; its address, and what it was asked."""
    asked: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/querybatch", asked
    finally:
        server.shutdown()
        server.server_close()


def test_packages_with_advisories_are_named_with_them() -> None:
    answer = {"results": [{"vulns": [{"id": "GHSA-1"}, {"id": "CVE-2"}]}, {}]}
    with serve(answer) as (url, asked):
        assert list_advisories(url, PACKAGES) == ("jinja2 3.1.2: GHSA-1, CVE-2",)
    assert asked[0]["queries"][1] == {"package": {"name": "numpy", "ecosystem": "PyPI"}, "version": "1.26.4"}


@pytest.mark.parametrize(
    ("answer", "status"),
    [({"results": []}, 200), ({}, 200), (b"<html>", 200), ({"results": [{}, {}]}, 503), (["x"], 200)],
)
def test_an_answer_that_says_nothing_is_no_clearance(answer: Any, status: int) -> None:
    with serve(answer, status) as (url, _):
        assert list_advisories(url, PACKAGES) is None


def test_where_nobody_is_asked_or_answers_nothing_is_known() -> None:
    assert list_advisories(None, PACKAGES) is None
    assert list_advisories(f"http://127.0.0.1:{find_free_port()}", PACKAGES) is None


def test_the_installed_packages_are_asked_about() -> None:
    packages = list_packages()
    assert packages["numpy"] == version("numpy")
    assert list(packages) == sorted(packages)
