"""The client of Airflow's API, against a small server that answers as Airflow 3.3 does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

from include.commands.airflow_api import AirflowApi, format_log_line
from include.errors import StackError
from include.servers.ports import find_free_port

RUN = {"dag_run_id": "manual__1", "dag_id": "deploy_model", "state": "success"}
WAITING = {"subject": "May it?", "task_instance": {"task_id": "approve", "map_index": -1}}


class Airflow(BaseHTTPRequestHandler):
    """Knows one user; answers what the test has prepared for a path, and remembers what it was asked."""

    tokens: ClassVar[set[str]] = set()
    answers: ClassVar[dict[str, Any]] = {}
    asked: ClassVar[list[tuple[str, str, Any]]] = []

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PATCH(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "null")
        url = urlsplit(self.path)
        self.asked.append(
            (self.command, url.path, body or {key: value[0] for key, value in parse_qs(url.query).items()})
        )
        if url.path == "/auth/token":
            self._send(*self._log_in(body))
        elif self.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            self._send(401, {"detail": "Not authenticated"})
        elif url.path.removeprefix("/api/v2/") in self.answers:
            answer = self.answers[url.path.removeprefix("/api/v2/")]
            self._send(200, answer(parse_qs(url.query)) if callable(answer) else answer)
        else:
            self._send(404, {"detail": "was not found"})

    def _log_in(self, body: Any) -> tuple[int, Any]:
        if body != {"username": "admin", "password": "right"}:
            return 401, {"detail": "Invalid credentials"}
        token = f"token-{len(self.tokens)}"
        self.tokens.add(token)
        return 201, {"access_token": token}

    def _send(self, status: int, content: Any) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A real server on loopback; a proxy that does not exist stands in the environment."""
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{find_free_port()}")
    for name, value in (("tokens", set()), ("answers", {}), ("asked", [])):
        monkeypatch.setattr(Airflow, name, value)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Airflow)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def api(url: str) -> Iterator[AirflowApi]:
    """A client that is logged in at its first call."""
    api = AirflowApi(url, "admin", "right")
    yield api
    api.close()


def prepare(path: str, answer: Any) -> None:
    Airflow.answers[path] = answer


def test_a_run_is_triggered_with_its_conf(api: AirflowApi) -> None:
    prepare("dags/deploy_model/dagRuns", RUN)
    assert api.trigger_run("deploy_model", conf={"version": 3}) == RUN
    body = {"conf": {"version": 3}, "logical_date": None, "dag_run_id": None}
    assert Airflow.asked[-1] == ("POST", "/api/v2/dags/deploy_model/dagRuns", body)


def test_it_logs_in_once_and_again_when_the_token_has_expired(api: AirflowApi) -> None:
    prepare("dags", {"dags": [{"dag_id": "one"}], "total_entries": 1})
    api.list_dags()
    api.list_dags()
    Airflow.tokens.clear()
    assert api.list_dags() == [{"dag_id": "one"}]
    assert [path for _, path, _ in Airflow.asked].count("/auth/token") == 2


def test_a_wrong_password_is_said_without_repeating_it(url: str) -> None:
    with pytest.raises(StackError, match=r"does not let admin in \(status 401\): .*Invalid credentials") as refused:
        AirflowApi(url, "admin", "wrong-password").list_dags()
    assert "wrong-password" not in str(refused.value)


def test_a_refusal_carries_airflows_answer(api: AirflowApi) -> None:
    with pytest.raises(StackError, match=r"refused GET dags/x/dagRuns/y for admin \(status 404\): .*was not found"):
        api.wait_for_run("x", "y")


def test_an_airflow_that_is_away_is_said() -> None:
    with pytest.raises(StackError, match=r"does not answer: ConnectError.*make status"):
        AirflowApi(f"http://127.0.0.1:{find_free_port()}", "admin", "right").list_dags()


def test_long_lists_are_read_to_their_end(api: AirflowApi) -> None:
    runs = [{"dag_run_id": str(number)} for number in range(250)]

    def page(query: dict[str, list[str]]) -> dict[str, Any]:
        offset, limit = int(query["offset"][0]), int(query["limit"][0])
        return {"dag_runs": runs[offset : offset + limit], "total_entries": len(runs)}

    prepare("dags/~/dagRuns", page)
    assert api.list_runs() == runs


def test_waiting_ends_with_the_run(api: AirflowApi) -> None:
    states = iter(["queued", "running", "failed"])
    prepare("dags/deploy_model/dagRuns/manual__1", lambda _: {**RUN, "state": next(states)})
    assert api.wait_for_run("deploy_model", "manual__1")["state"] == "failed"


def test_waiting_too_long_names_the_open_tasks(api: AirflowApi) -> None:
    prepare("dags/deploy_model/dagRuns/manual__1", {**RUN, "state": "running"})
    tasks = [{"task_id": "approve", "state": "awaiting_input"}]
    prepare("dags/deploy_model/dagRuns/manual__1/taskInstances", {"task_instances": tasks, "total_entries": 1})
    with pytest.raises(StackError, match=r"is running after 0 s: approve awaiting_input"):
        api.wait_for_run("deploy_model", "manual__1", timeout_s=0)


def test_an_approval_is_found_and_answered(api: AirflowApi) -> None:
    prepare("dags/deploy_model/dagRuns/manual__1/hitlDetails", {"hitl_details": [WAITING], "total_entries": 1})
    assert api.find_waiting_approval("deploy_model", "manual__1", "approve") == WAITING
    assert Airflow.asked[-1][2]["response_received"] == "false"
    assert api.find_waiting_approval("deploy_model", "manual__1", "another") is None
    path = "dags/deploy_model/dagRuns/manual__1/taskInstances/approve/-1/hitlDetails"
    prepare(path, {"chosen_options": ["Reject"]})
    api.answer_approval("deploy_model", "manual__1", "approve", "Reject")
    assert Airflow.asked[-1] == ("PATCH", f"/api/v2/{path}", {"chosen_options": ["Reject"], "params_input": {}})


def test_waiting_for_dags_ends_when_all_are_there(api: AirflowApi) -> None:
    seen = iter([["one"], ["one", "two"]])

    def page(_: Any) -> dict[str, Any]:
        dags = [{"dag_id": dag_id} for dag_id in next(seen)]
        return {"dags": dags, "total_entries": len(dags)}

    prepare("dags", page)
    prepare("importErrors", {"import_errors": [], "total_entries": 0})
    api.wait_for_dags(["one", "two"])
    assert list(seen) == []


def list_import_errors(*traces: str) -> dict[str, Any]:
    errors = [{"filename": "ingest.py", "stack_trace": trace} for trace in traces]
    return {"import_errors": errors, "total_entries": len(errors)}


def test_a_dag_file_that_cannot_be_imported_yet_is_waited_for(api: AirflowApi) -> None:
    looks = iter([["ManifestMissingError"], ["another error"]])

    def page(_: Any) -> dict[str, Any]:
        dags = [] if Airflow.answers["importErrors"]["import_errors"] else [{"dag_id": "ingest"}]
        Airflow.answers["importErrors"] = list_import_errors(*next(looks, []))
        return {"dags": dags, "total_entries": len(dags)}

    prepare("importErrors", list_import_errors("ManifestMissingError"))
    prepare("dags", page)

    api.wait_for_dags(["ingest"], quiet_s=0.0)


def test_giving_up_names_the_absent_dag_and_the_import_errors(api: AirflowApi) -> None:
    prepare("dags", {"dags": [], "total_entries": 0})
    prepare("importErrors", list_import_errors("ModuleNotFoundError: pandsa"))

    with pytest.raises(StackError, match=r"not read ingest, and nothing has changed[\s\S]*ingest\.py[\s\S]*pandsa"):
        api.wait_for_dags(["ingest"], quiet_s=0.0)


def test_a_structured_log_reads_as_lines(api: AirflowApi) -> None:
    error = {
        "exc_type": "ValueError",
        "exc_value": "no rows",
        "frames": [{"filename": "land.py", "lineno": 3, "name": "land"}],
    }
    content = [
        {"timestamp": "2026-03-01T00:00:00Z", "level": "info", "event": "started"},
        {"event": "failed", "error_detail": [error]},
    ]
    prepare("dags/d/dagRuns/r/taskInstances/t/logs/2", {"content": content})
    lines = api.read_log("d", "r", "t", try_number=2).splitlines()
    assert lines == ["2026-03-01T00:00:00Z info started", "failed", "  land.py:3 in land", "  ValueError: no rows"]


def test_a_plain_log_line_stays_as_it_is() -> None:
    assert format_log_line("plain") == "plain"
