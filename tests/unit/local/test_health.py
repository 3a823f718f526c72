"""Health checks against real answers."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from include.local.components import Component
from include.local.health import answers_at, beats_in_airflow, is_healthy
from include.servers.ports import find_free_port

STARTED_AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
STARTED_AT_S = STARTED_AT.timestamp()


class Answers(BaseHTTPRequestHandler):
    """Answers every request with the status and body that the test has set."""

    status = 200
    body: Any = None

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A real server on loopback; a proxy that does not exist stands in the environment."""
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{find_free_port()}")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setattr(Answers, "status", 200)
    monkeypatch.setattr(Answers, "body", {})
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_server_that_answers_is_healthy(url: str) -> None:
    assert answers_at(url)


def test_a_server_that_answers_with_an_error_is_not(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Answers, "status", 500)
    assert not answers_at(url)


def test_nothing_that_listens_is_not_healthy(url: str) -> None:
    absent = f"http://127.0.0.1:{find_free_port()}"
    assert not answers_at(absent)
    assert not is_healthy(Component("x", (), {}, (url, absent)), 0)
    assert is_healthy(Component("x", (), {}, (url, f"{url}/other")), 0)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]"])
def test_an_answer_of_another_kind_is_not_a_health_report(
    url: str, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Answers, "body", body)
    assert not beats_in_airflow(url, "scheduler", STARTED_AT_S)


def report(status: str, beat: datetime | None) -> dict[str, Any]:
    """Airflow's health report with the scheduler's part filled in."""
    return {"scheduler": {"status": status, "latest_scheduler_heartbeat": beat.isoformat() if beat else None}}


def test_a_fresh_heartbeat_is_healthy(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Answers, "body", report("healthy", STARTED_AT))
    assert beats_in_airflow(url, "scheduler", STARTED_AT_S)


def test_the_heartbeat_of_an_earlier_process_is_not(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Answers, "body", report("healthy", STARTED_AT))
    assert not beats_in_airflow(url, "scheduler", STARTED_AT_S + 10)


@pytest.mark.parametrize("status", ["unhealthy", None])
def test_what_airflow_calls_ill_is_not_healthy(url: str, status: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Answers, "body", report(status, STARTED_AT))
    assert not beats_in_airflow(url, "scheduler", STARTED_AT_S)


def test_a_part_that_the_report_does_not_know_is_not_healthy(url: str) -> None:
    assert not beats_in_airflow(url, "dag_processor", STARTED_AT_S)


def test_a_component_that_nobody_can_ask_is_healthy_once_it_has_lived_for_a_while() -> None:
    shipper = Component("lineage-shipper", (), {})
    assert not is_healthy(shipper, time.time())
    assert is_healthy(shipper, time.time() - 2)


def test_a_database_is_healthy_when_it_lets_us_in(warehouse_uri: str) -> None:
    assert answers_at(warehouse_uri)
    assert not answers_at(warehouse_uri.replace("postgres:", "postgres:wrong"))
