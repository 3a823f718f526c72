"""Two models on small tables of a real warehouse, and a small server that answers as the model server does."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from include.features.catalog import Entity, FeatureGroup, Key, LabelTable
from include.features.spec import ModelSpec
from include.rollout.server_address import ServerAddress
from include.warehouse.names import TableName
from include.warehouse.session import open_session

MACHINES = (3, 5, 8)
TOKEN = "of-the-traffic"
PARTS = ((1, "left", date(2026, 3, 1)), (2, 'right, "quoted"', date(2026, 3, 2)))


@dataclass
class ModelServer:
    """Answers for all models; each is ready once it was asked ``unready`` times.

    It refuses who does not send its token. An answer is a status, or 0 for hanging up without one; the last one stays.
    """

    token: str = TOKEN
    unready: int = 0
    answers: list[int] = field(default_factory=lambda: [200])
    asked: dict[str, list[Any]] = field(default_factory=dict)
    readiness: Counter[str] = field(default_factory=Counter)
    proxied: list[str] = field(default_factory=list)
    wanted: int = 6
    is_enough: threading.Event = field(default_factory=threading.Event)

    def wait_until_enough(self) -> None:
        """Wait until each model was asked ``wanted`` times."""
        assert self.is_enough.wait(120), f"the models were asked only {self.asked}"

    def route(self, path: str) -> int:
        """The status of a GET; a whole address instead of a path is what a proxy is asked for."""
        if path.startswith("http"):
            self.proxied.append(path)
            self.is_enough.set()
            return 502
        match path.split("/"):
            case ["", "models", name, "readyz"]:
                self.readiness[name] += 1
                return 200 if self.readiness[name] > self.unready else 503
        return 404

    def predict(self, path: str, body: Any) -> int:
        """The status of a request for a prediction."""
        match path.split("/"):
            case ["", "models", name, "predict"]:
                self.asked.setdefault(name, []).append(body["keys"])
                if all(len(keys) >= self.wanted for keys in self.asked.values()):
                    self.is_enough.set()
                return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return 404


@pytest.fixture
def server() -> ModelServer:
    """What the server will say."""
    return ModelServer()


@pytest.fixture
def url(server: ModelServer) -> Iterator[str]:
    """Where the server answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(server.route(self.path) if self._is_known() else 401)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status = server.predict(self.path, body) if self._is_known() else 401
            if status:
                self._send(status)

        def _is_known(self) -> bool:
            return self.path.startswith("http") or self.headers["Authorization"] == f"Bearer {server.token}"

        def _send(self, status: int) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture
def address(url: str) -> ServerAddress:
    """The server, and the token that it knows."""
    return ServerAddress(url, TOKEN)


def make_spec(name: str, keys: dict[str, Any], online: str | None) -> ModelSpec:
    """A model of one feature group."""
    entity = Entity(f"{name}_entity", tuple(Key(key, kind) for key, kind in keys.items()))
    group = FeatureGroup(
        f"{name}_state", "", "maintenance", 1, entity, "as_of_date", TableName("features", f"{name}_state"),
        None if online is None else TableName("online", online), 1, (), {},
    )  # fmt: skip
    label = LabelTable("labels", "", "maintenance", entity, "as_of_date", TableName("features", "labels"), 7, {})
    return ModelSpec(name, "binary", entity, label, "failed", (group,), ())


@pytest.fixture
def machines() -> ModelSpec:
    """A model of machines, which have one key."""
    return make_spec("failures", {"machine_id": "integer"}, "machines")


@pytest.fixture
def parts() -> ModelSpec:
    """A model of parts of sites on days: a composite key."""
    return make_spec("units", {"site_id": "integer", "part": "text", "since": "date"}, "parts")


@pytest.fixture
def uri(warehouse_uri: str) -> str:
    """A warehouse with the online tables of both."""
    with open_session(warehouse_uri) as session:
        session.execute("create table online.machines (machine_id bigint primary key, age_days double precision)")
        session.execute_many("insert into online.machines values (%s)", [(n,) for n in MACHINES])
        session.execute(
            "create table online.parts (site_id bigint, part text, since date, primary key (site_id, part))"
        )
        session.execute_many("insert into online.parts values (%s, %s, %s)", PARTS)
    return warehouse_uri
