"""``python -m include.example``: what it writes, sends and triggers, and what it says when it cannot."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from include.errors import SourceError, StackError
from include.example import cli
from include.example.surroundings import find_airflow, find_password, find_server, find_warehouse
from include.example.traffic import Traffic
from include.local.credentials import ensure_credentials
from include.local.home import StackHome, prepare_home
from include.local.stack import Stack
from include.settings import PROJECT_ROOT
from tests.unit.example.conftest import ModelServer

PORTS = {"postgres": 1, "mlflow": 2, "model-server": 3, "airflow": 4}
VARIABLES = ("ORRERY_MODEL_SERVER_URL", "ORRERY_WAREHOUSE_URI", "ORRERY_AIRFLOW_PASSWORD", "ORRERY_TODAY")


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No stack runs here, and the environment says nothing."""
    monkeypatch.setenv("ORRERY_HOME", str(tmp_path / "nowhere"))
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    """A stack as it would be found."""
    home = StackHome(tmp_path / "stack")
    prepare_home(home)
    return Stack(home, PORTS, ensure_credentials(home))


def write(folder: Path, *more: str) -> int:
    return cli.main(["sources", "--folder", str(folder), "--households", "20", "--today", "2026-11-18", *more])


def test_the_files_are_written_and_what_follows_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert write(tmp_path / "files", "--days", "1") == 0
    said = capsys.readouterr().out
    assert "python -m include.example history" in said
    assert "To replay: 2026-11-18." in said
    assert (tmp_path / "files" / "transactions" / "2026-11-18.parquet").exists()


def test_the_day_of_the_environment_is_the_last_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORRERY_TODAY", "2026-11-17")
    cli.main(["sources", "--folder", str(tmp_path / "files"), "--households", "20"])
    assert max(path.stem for path in (tmp_path / "files" / "transactions").iterdir()) == "2026-11-17"


@pytest.mark.parametrize(
    "words",
    [["sources", "--today", "soon"], ["traffic", "--rate", "0"], ["traffic", "--seconds", "-1"],
     ["traffic", "--rate", "x"], ["nonsense"], []],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(words)
    assert stopped.value.code == 2
    assert "usage: python -m include.example" in capsys.readouterr().err


def test_traffic_without_a_stack_says_what_to_name() -> None:
    with pytest.raises(StackError, match=r"--server or ORRERY_MODEL_SERVER_URL, or start a stack.*make up"):
        cli.main(["traffic"])
    with pytest.raises(StackError, match="ORRERY_WAREHOUSE_URI"):
        cli.main(["traffic", "--server", "http://127.0.0.1:1"])


def test_what_is_given_wins_over_the_environment_and_that_over_a_running_stack(stack: Stack) -> None:
    environment = {
        "ORRERY_MODEL_SERVER_URL": "http://a", "ORRERY_WAREHOUSE_URI": "postgresql://a", "ORRERY_AIRFLOW_PASSWORD": "p",
    }  # fmt: skip
    assert find_server("http://b", stack, environment) == "http://b"
    assert find_server(None, stack, environment) == "http://a"
    assert find_server(None, stack, {}) == stack.uris.model_server
    assert find_warehouse(stack, environment) == "postgresql://a"
    assert find_warehouse(stack, {}) == stack.uris.warehouse
    assert find_airflow(None, stack) == stack.uris.airflow
    assert find_password("admin", "http://elsewhere", stack, environment) == "p"
    assert find_password("admin", stack.uris.airflow, stack, {}) == stack.credentials.airflow_passwords["admin"]


def test_the_stacks_passwords_go_to_no_other_airflow(stack: Stack) -> None:
    with pytest.raises(StackError, match=r"password of admin at http://elsewhere.*ORRERY_AIRFLOW_PASSWORD"):
        find_password("admin", "http://elsewhere", stack, {})
    with pytest.raises(StackError, match=r"no user 'nobody'.*admin"):
        find_password("nobody", stack.uris.airflow, stack, {})


@pytest.fixture
def senders(url: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> list[Traffic]:
    """Two models' traffic, in place of what the warehouse would give; time passes once both were asked enough."""
    moment = [0.0]

    def sleep(seconds: float) -> None:
        server.wait_until_enough()
        moment[0] += seconds
        assert moment[0] < 100_000, "nothing stops the traffic"

    server.asked = {"failures": [], "units": []}
    monkeypatch.setattr(cli, "time", SimpleNamespace(monotonic=lambda: moment[0], sleep=sleep))
    senders = [Traffic(url, name, [{"machine_id": 1}], rate=500) for name in ("failures", "units")]
    monkeypatch.setattr(cli, "open_traffic", lambda *_: senders)
    monkeypatch.setenv("ORRERY_WAREHOUSE_URI", "postgresql://nowhere")
    return senders


def test_traffic_ends_after_its_time_with_the_counts_of_each_model(
    senders: list[Traffic], url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["traffic", "--server", url, "--seconds", "7"]) == 0
    in_all = capsys.readouterr().out.partition("In all:")[2]
    for sender in senders:
        assert f"{sender.model}: {sender.requests:,} requests ({sender.requests} × 200)" in in_all


def test_failed_requests_are_an_exit_code(
    senders: list[Traffic], server: ModelServer, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answers = [500, 200]
    assert cli.main(["traffic", "--server", url, "--seconds", "7"]) == 1
    assert "1 × 500" in capsys.readouterr().out


def test_models_that_never_answer_are_an_exit_code(
    senders: list[Traffic], server: ModelServer, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    server.unready = 1_000_000
    server.is_enough.set()
    assert cli.main(["traffic", "--server", url, "--seconds", "7"]) == 1
    assert "failures: not ready to answer yet" in capsys.readouterr().out


def test_ctrl_c_stops_the_traffic_and_the_counts_are_told(
    senders: list[Traffic], server: ModelServer, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def press() -> None:
        server.wait_until_enough()
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    threading.Thread(target=press).start()
    with pytest.raises(KeyboardInterrupt):
        cli.main(["traffic", "--server", url])
    assert "In all:" in capsys.readouterr().out
    assert not any(sender._thread and sender._thread.is_alive() for sender in senders)


@pytest.fixture
def triggered() -> list[dict[str, Any]]:
    """What Airflow was asked to run."""
    return []


@pytest.fixture
def airflow(triggered: list[dict[str, Any]]) -> Iterator[str]:
    """An Airflow that starts a run once; a second one of the same id is a conflict."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/auth/token":
                self._send(201 if body["password"] == "right" else 401, {"access_token": "t"})
            else:
                status = 409 if triggered else 200
                triggered.append(body)
                self._send(status, {"dag_run_id": body["dag_run_id"]})

        def _send(self, status: int, content: Any) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    thread.join()
    http.server_close()


def test_the_history_is_triggered_once_and_what_follows_is_said(
    tmp_path: Path, airflow: str, triggered: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    write(tmp_path / "files", "--days", "1")
    monkeypatch.setenv("ORRERY_AIRFLOW_PASSWORD", "right")
    command = ["history", "--airflow", airflow, "--user", "ann", "--folder", str(tmp_path / "files")]
    assert cli.main(command) == 0
    assert cli.main(command) == 0
    assert triggered[0]["conf"]["to_day"] == "2026-11-17"
    assert date.fromisoformat(triggered[0]["conf"]["from_day"]).year == 2025
    assert triggered[0]["dag_run_id"] == triggered[1]["dag_run_id"]
    said = capsys.readouterr().out
    assert ".train_candidates → " in said
    assert "2026-11-18" in said


def test_the_history_of_files_that_were_not_written_says_how_to_write_them(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="Write them first"):
        cli.main(["history", "--airflow", "http://127.0.0.1:1", "--folder", str(tmp_path)])


def test_a_wrong_password_is_one_line_of_airflows_own(
    tmp_path: Path, airflow: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "files")
    monkeypatch.setenv("ORRERY_AIRFLOW_PASSWORD", "wrong")
    with pytest.raises(StackError, match="does not let admin in"):
        cli.main(["history", "--airflow", airflow, "--folder", str(tmp_path / "files")])


def test_it_runs_as_a_module_and_an_error_is_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "include.example", "history", "--folder", str(tmp_path)],
        cwd=PROJECT_ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stdout.startswith("✘ ")
    assert "Traceback" not in done.stdout + done.stderr
