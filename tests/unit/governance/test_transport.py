"""Emitting never fails and never waits for the receiver; what was emitted arrives in the end."""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from include.governance.carrier import carry_batch
from include.governance.spool import Spool
from include.governance.transport import SpoolTransport
from include.settings import PROJECT_ROOT
from tests.unit.governance.conftest import count_events

PATH = "include.governance.transport.SpoolTransport"
Emit = Callable[[Any], Any]


def make_transport(config: dict[str, Any]) -> Any:
    from openlineage.client.transport import get_default_factory

    return get_default_factory().create(config)


def read_recipe(url: str) -> dict[str, Any]:
    """The transport that the engineer's guide shows, with another receiver's address."""
    guide = (PROJECT_ROOT / "docs/guides/engineer.md").read_text(encoding="utf-8")
    [shown] = re.findall(r"^export AIRFLOW__OPENLINEAGE__TRANSPORT='(.+?)'$", guide, re.MULTILINE | re.DOTALL)
    recipe: dict[str, Any] = json.loads(shown)
    recipe["transports"][1]["url"] = url
    return recipe


@pytest.fixture
def received() -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """The address of a receiver on loopback, and what it was sent: paths and events."""
    requests: list[tuple[str, Any]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            requests.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(201)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", requests
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def _no_warehouse_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ORRERY_WAREHOUSE_URI", "AIRFLOW_CONN_WAREHOUSE", "ORRERY_LINEAGE_SPOOL", "OPENLINEAGE_DISABLED"):
        monkeypatch.delenv(name, raising=False)


def test_openlineage_makes_the_transport_from_its_path(tmp_path: Path) -> None:
    transport = make_transport({"type": PATH, "spool": str(tmp_path)})

    assert isinstance(transport, SpoolTransport)
    assert transport.kind == "spool"


def test_the_environment_names_the_spool(
    tmp_path: Path, make_event: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORRERY_LINEAGE_SPOOL", str(tmp_path / "from-environment"))

    make_transport({"type": PATH, "spool": str(tmp_path / "configured")}).emit(make_event())

    assert len(Spool(tmp_path / "from-environment").list_waiting()) == 1


def test_without_a_shipper_an_event_arrives_by_itself(
    tmp_path: Path, make_event: Callable[[], Any], warehouse_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORRERY_WAREHOUSE_URI", warehouse_uri)

    make_transport({"type": PATH, "spool": str(tmp_path)}).emit(make_event())

    assert count_events(warehouse_uri) == 1
    assert Spool(tmp_path).list_waiting() == []


def test_while_the_warehouse_is_away_events_are_kept_and_arrive_afterwards(
    tmp_path: Path,
    make_event: Callable[[], Any],
    warehouse_uri: str,
    dead_uri: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ORRERY_WAREHOUSE_URI", dead_uri)
    transport = make_transport({"type": PATH, "spool": str(tmp_path)})

    for _ in range(20):
        transport.emit(make_event())

    assert len(Spool(tmp_path).list_waiting()) == 20
    assert carry_batch(Spool(tmp_path), warehouse_uri, 100) == 20
    assert count_events(warehouse_uri) == 20


def test_a_spool_that_cannot_be_written_only_warns(
    tmp_path: Path, make_event: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("not a folder")
    transport = make_transport({"type": PATH, "spool": str(tmp_path / "file")})

    with caplog.at_level(logging.WARNING):
        transport.emit(make_event())

    assert "lineage event is lost" in caplog.text


def test_an_unreadable_connection_only_warns(
    tmp_path: Path,
    make_event: Callable[[], Any],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "mysql://h/w")

    make_transport({"type": PATH, "spool": str(tmp_path)}).emit(make_event())

    assert "waits in" in caplog.text
    assert len(Spool(tmp_path).list_waiting()) == 1


def test_broken_settings_keep_the_event_and_only_warn(
    tmp_path: Path,
    make_event: Callable[[], Any],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ORRERY_CONFIG_DIR", str(tmp_path / "nowhere"))

    make_transport({"type": PATH, "spool": str(tmp_path / "spool")}).emit(make_event())

    assert "until the settings are correct" in caplog.text
    assert len(Spool(tmp_path / "spool").list_waiting()) == 1


def test_another_receiver_gets_each_event_and_so_does_the_warehouse(
    tmp_path: Path,
    make_event: Callable[[], Any],
    received: tuple[str, list[tuple[str, Any]]],
    warehouse_uri: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ORRERY_LINEAGE_SPOOL", str(tmp_path))
    url, requests = received
    transport, events = make_transport(read_recipe(url)), [make_event(), make_event()]

    for event in events:
        transport.emit(event)

    runs = [event.run.runId for event in events]
    assert [path for path, _ in requests] == ["/api/v1/lineage"] * 2
    assert [event["run"]["runId"] for _, event in requests] == runs
    assert [event["outputs"][0]["name"] for _, event in requests] == ["db.raw.t"] * 2
    assert len(Spool(tmp_path).list_waiting()) == 2
    assert carry_batch(Spool(tmp_path), warehouse_uri, 100) == 2
    assert count_events(warehouse_uri) == 2


def test_beside_a_dead_http_receiver_nothing_is_lost(
    tmp_path: Path, make_event: Callable[[], Any], dead_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORRERY_LINEAGE_SPOOL", str(tmp_path))
    port = dead_uri.rsplit(":", 1)[1].split("/", maxsplit=1)[0]
    transport = make_transport(read_recipe(f"http://127.0.0.1:{port}"))

    for _ in range(3):
        transport.emit(make_event())

    assert len(Spool(tmp_path).list_waiting()) == 3
