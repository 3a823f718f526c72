"""A server on loopback that speaks the model server's protocol for one version, and can be told to fail."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from include.features.matrix import from_rows
from include.features.read import EntityRow
from include.registry.onnx import OnnxModel
from include.rollout.staging import VERSION_HEADER

_TYPES: dict[str, tuple[type, ...]] = {"numeric": (int, float), "boolean": (bool,), "categorical": (str,)}


TOKEN = "of-the-staging-checks"
"""What has to be sent for anything but health."""


@dataclass
class StandIn:
    """What the server knows, and how it fails.

    Attributes:
        rows: features by keys in JSON.
        faults: of ``failed``, ``raising``, ``null``, ``other_version``, ``short_batch``, ``slow``, ``lenient``,
            ``nameless``, ``drifting``, ``flapping``, ``dying``.
        paths: every path that was asked for a version.
    """

    model: OnnxModel
    rows: dict[str, dict[str, Any]]
    faults: set[str] = field(default_factory=set)
    paths: list[tuple[str, str | None]] = field(default_factory=list)
    probes: int = 0

    def answer(self, method: str, path: str, version: str | None, body: Any) -> tuple[int, Any]:
        """Status and body of one request."""
        self.paths.append((path, version))
        name = self.model.contract.model
        if path == "/healthz":
            return 200, {"status": "ok"}
        if path == f"/models/{name}/readyz":
            self.probes += 1
            is_down = "flapping" in self.faults and self.probes > 1 and self.probes % 3 == 0
            is_down = is_down or ("dying" in self.faults and self.probes > 2)
            if is_down or "failed" in self.faults:
                return 503, {"status": "failed", "reason": "no model"}
            return 200, {}
        if "raising" in self.faults:
            return 500, {"detail": "the model failed"}
        if (method, path) == ("POST", f"/models/{name}/predict"):
            return self.predict(body, version)
        if (method, path) == ("POST", f"/models/{name}/predict/batch"):
            answers = [self.predict(one, version)[1] for one in body["requests"]]
            return 200, {"predictions": answers[1:] if "short_batch" in self.faults else answers}
        return 404, {"detail": f"no route {path}"}

    def predict(self, body: dict[str, Any], version: str | None) -> tuple[int, Any]:
        """One prediction, or a refusal that names the field."""
        if "slow" in self.faults:
            time.sleep(0.2)
        problem = None if "lenient" in self.faults else self.find_problem(body)
        if problem:
            return problem[0], {"detail": "wrong" if "nameless" in self.faults else problem[1]}
        features = body.get("features") or self.rows.get(json.dumps(body.get("keys")), {})
        features = {item.name: features.get(item.name) for item in self.model.contract.features}
        if "lenient" in self.faults:
            features = next(iter(self.rows.values()))
        prediction = self.model.predict(from_rows([features], self.model.contract.features))[0]
        answer = self.model.task.describe(prediction, self.model.contract.decision)
        if "drifting" in self.faults:
            answer = {name: _drift(value) for name, value in answer.items()}
        if "null" in self.faults:
            answer["prediction"] = None
        return 200, {**answer, "model_version": 1 if "other_version" in self.faults else int(version or 1)}

    def find_problem(self, body: dict[str, Any]) -> tuple[int, str] | None:
        """Status and reason of a refusal."""
        if "keys" in body:
            types: dict[str, type] = {"integer": int, "text": str, "uuid": str, "date": str}
            for key in self.model.contract.entity.keys:
                value = body["keys"].get(key.name)
                if not isinstance(value, types[key.type]) or value in ("no-uuid", "no-date"):
                    return 422, f"key {key.name} is no {key.type}"
            return None if json.dumps(body["keys"]) in self.rows else (404, f"{body['keys']} is not known")
        kinds = {item.name: item.kind for item in self.model.contract.features}
        different = sorted(kinds.keys() ^ body["features"].keys())
        if different:
            return 422, f"features {different}"
        for name, value in body["features"].items():
            if value is not None and not isinstance(value, _TYPES[kinds[name]]):
                return 422, f"feature {name} is no {kinds[name]}"
        return None


def _drift(value: Any) -> Any:
    """A number or the probabilities of classes a little off, but still what an answer may be; all else as it is."""
    if isinstance(value, dict):
        names, numbers = list(value), list(value.values())
        return dict(zip(names, [*numbers[1:], numbers[0]], strict=True))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return abs(value - 0.01)


def stand_in_for(model: OnnxModel, rows: Sequence[EntityRow]) -> StandIn:
    """A server that knows the rows of the online store."""
    return StandIn(model, {json.dumps(row.keys, default=str): row.features for row in rows})


@contextmanager
def serve(stand_in: StandIn) -> Iterator[str]:
    """Run it on a free port; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._send(*self._refuse() or stand_in.answer("GET", self.path, self.headers.get(VERSION_HEADER), None))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._send(*self._refuse() or stand_in.answer("POST", self.path, self.headers.get(VERSION_HEADER), body))

        def _refuse(self) -> tuple[int, Any] | None:
            if self.path == "/healthz" or self.headers["Authorization"] == f"Bearer {TOKEN}":
                return None
            is_known = self.headers["Authorization"] == "Bearer of-the-traffic"
            return (403, {"detail": "needs the role stage"}) if is_known else (401, {"detail": "no such token"})

        def _send(self, status: int, body: Any) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
