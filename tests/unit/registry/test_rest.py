"""What goes wrong on the way to MLflow is said in words."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from include.errors import RegistryError
from include.registry.rest import MlflowRest
from include.registry.tracking import check_tracking, open_run
from include.servers.ports import find_free_port


class SickServer(BaseHTTPRequestHandler):
    """Says that it is healthy, and fails at everything else; answers with the credentials it was given."""

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer()

    def answer(self) -> None:
        self.send_response(200 if self.path == "/health" else 500)
        self.end_headers()
        self.wfile.write(f"database is locked; {self.headers['Authorization']}".encode())

    def log_message(self, *arguments: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def sick_uri() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), SickServer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_server_that_fails_is_quoted(sick_uri: str) -> None:
    with MlflowRest(sick_uri) as mlflow, pytest.raises(RegistryError, match=r"\(500\): database is locked"):
        mlflow.get("registered-models/get", {"name": "machines"})


def test_a_failure_is_not_mistaken_for_something_that_does_not_exist(sick_uri: str) -> None:
    with MlflowRest(sick_uri) as mlflow, pytest.raises(RegistryError):
        mlflow.find("registered-models/get", {"name": "machines"})


def test_a_run_against_a_server_that_fails_is_a_registry_error(sick_uri: str) -> None:
    with pytest.raises(RegistryError, match="tried again"), open_run(sick_uri, "machines", "fit", {}):
        pass


def test_the_credentials_of_the_client_are_sent(sick_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "abc")
    with MlflowRest(sick_uri) as mlflow, pytest.raises(RegistryError, match="Bearer abc"):
        mlflow.get("registered-models/get", {"name": "machines"})
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ann")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "secret")
    monkeypatch.delenv("MLFLOW_TRACKING_TOKEN")
    with MlflowRest(sick_uri) as mlflow, pytest.raises(RegistryError, match="Basic YW5uOnNlY3JldA=="):
        mlflow.get("registered-models/get", {"name": "machines"})


@pytest.mark.parametrize("uri", ["http://127.0.0.1:{port}", "sqlite:///mlflow.db"], ids=["nobody there", "no server"])
def test_an_absent_server_is_away(uri: str) -> None:
    uri = uri.format(port=find_free_port())
    with pytest.raises(RegistryError, match=rf"MLflow at {uri} is away"):
        check_tracking(uri)


def test_artifacts_that_the_server_does_not_hand_out_are_refused() -> None:
    with MlflowRest("http://127.0.0.1:1") as mlflow, pytest.raises(RegistryError, match="--serve-artifacts"):
        mlflow.download("s3://bucket/1/models/m-1/artifacts", "model.onnx")
