"""A stack's folder, two declared models, and a small server that answers as Airflow's REST API does."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from include.commands.airflow_api import AirflowApi
from include.local.home import StackHome, prepare_home
from include.settings import CONFIG_DIR, load_settings
from include.settings.models import ModelSettings
from tests.unit.operate.model_server import address, machines, parts, server, uri, url

__all__ = ["address", "machines", "parts", "server", "uri", "url"]

MODEL = """
description: Which machines fail.
owner: maintenance
task: {task}
label: {label}
features:
  groups: [machine_state]
trainer: scientist
governance:
  approvers: [nobody, approver, admin]
"""


@pytest.fixture
def home(tmp_path: Path) -> StackHome:
    """A prepared folder of a stack that never ran."""
    place = StackHome(tmp_path / "stack")
    prepare_home(place)
    return place


@pytest.fixture
def models(tmp_path: Path) -> dict[str, ModelSettings]:
    """A binary model ``failures`` and a regression ``units``, over the shipped settings."""
    folder = tmp_path / "config"
    (folder / "models").mkdir(parents=True)
    for path in CONFIG_DIR.glob("*.yml"):
        shutil.copy(path, folder)
    for name, task, label in (("failures", "binary", "failed"), ("units", "regression", "units")):
        text = MODEL.format(task=task, label=f"machine_labels.{label}")
        (folder / "models" / f"{name}.yml").write_text(text)
    return load_settings(folder, "development").models


@dataclass
class FakeAirflow:
    """What the server knows; a test fills it in.

    Attributes:
        looks: the list of all runs at each look; the last one stays.
        tasks: task instances by ``dag run``.
        logs: a log's text by ``run task try``.
        xcoms: values that tasks have pushed, by ``task key``.
        dags: the DAGs' ids at each look; the last ones stay.
        import_errors: what cannot be imported.
        health: Airflow's report on its parts.
        refusals: statuses with which the next requests are refused, by the end of their path; 0 hangs up.
        approvals: what waits for a person, by run.
        answers: (user, run) of each answered request; ``chosen`` is what was answered.
        forbidden: users who may not answer.
        ends: how a run ends that is asked for by its id.
    """

    looks: list[list[dict[str, Any]]] = field(default_factory=lambda: [[]])
    tasks: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    xcoms: dict[str, Any] = field(default_factory=dict)
    dags: list[list[str]] = field(default_factory=lambda: [[]])
    import_errors: list[dict[str, str]] = field(default_factory=list)
    health: dict[str, Any] = field(default_factory=dict)
    refusals: dict[str, list[int]] = field(default_factory=dict)
    approvals: dict[str, str] = field(default_factory=dict)
    answers: list[tuple[str, str]] = field(default_factory=list)
    chosen: list[str] = field(default_factory=list)
    forbidden: set[str] = field(default_factory=set)
    triggered: list[dict[str, Any]] = field(default_factory=list)
    ends: str = "success"

    def answer(self, method: str, path: str, body: Any, user: str) -> tuple[int, Any]:
        """Status and content of an answer to a request below ``/api/v2``."""
        for end, statuses in self.refusals.items():
            if path.endswith(end) and statuses:
                return statuses.pop(0), {"detail": "refused"}
        steps = path.strip("/").split("/")
        if method == "GET":
            return self._read(path, steps)
        if method == "POST":
            self.triggered.append({**body, "dag_id": steps[1]})
            return 200, {"dag_run_id": body["dag_run_id"] or "manual__1"}
        if user in self.forbidden:
            return 403, {"detail": "not a respondent"}
        self.answers.append((user, steps[3]))
        self.chosen += body["chosen_options"]
        return 200, {}

    def _read(self, path: str, steps: list[str]) -> tuple[int, Any]:
        match steps:
            case ["dags", _, "dagRuns"]:
                return 200, list_page("dag_runs", take(self.looks))
            case ["dags"]:
                return 200, list_page("dags", [{"dag_id": name} for name in take(self.dags)])
            case ["importErrors"]:
                return 200, list_page("import_errors", self.import_errors)
            case ["monitor", "health"]:
                return 200, self.health
            case ["dags", _, "dagRuns", run]:
                return 200, {"dag_run_id": run, "state": self.ends}
            case ["dags", dag, "dagRuns", run, "taskInstances"]:
                return 200, list_page("task_instances", self.tasks.get(f"{dag} {run}", []))
            case ["dags", _, "dagRuns", run, "taskInstances", task, "logs", number]:
                return 200, {"content": self.logs[f"{run} {task} {number}"]}
            case ["dags", _, "dagRuns", _, "taskInstances", task, "xcomEntries", key] if f"{task} {key}" in self.xcoms:
                return 200, {"value": self.xcoms[f"{task} {key}"]}
            case ["dags", _, "dagRuns", run, "hitlDetails"]:
                request = {"subject": "Approve version 2?", "body": "AUC 0.85"}
                waiting = [
                    {"task_instance": {"task_id": task}, **request} for task in [self.approvals.get(run)] if task
                ]
                return 200, list_page("hitl_details", waiting)
        return 404, {"detail": path}


def take(looks: list[Any]) -> Any:
    """The next of what is seen one after another; the last stays."""
    return looks.pop(0) if len(looks) > 1 else looks[0]


def list_page(key: str, items: list[Any]) -> dict[str, Any]:
    return {key: items, "total_entries": len(items)}


@pytest.fixture
def airflow() -> FakeAirflow:
    """What the server will say."""
    return FakeAirflow()


@pytest.fixture
def airflow_url(airflow: FakeAirflow) -> Iterator[str]:
    """Where it answers; a user's token is the user's name."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply("GET", None)

        def do_POST(self) -> None:
            body = self._read()
            if self.path == "/auth/token":
                self._send(201, {"access_token": body["username"]})
            else:
                self._reply("POST", body)

        def do_PATCH(self) -> None:
            self._reply("PATCH", self._read())

        def _read(self) -> Any:
            return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

        def _reply(self, method: str, body: Any) -> None:
            parts = urlsplit(self.path)
            assert all(parse_qs(parts.query).values())
            user = self.headers["Authorization"].removeprefix("Bearer ")
            status, content = airflow.answer(method, parts.path.removeprefix("/api/v2"), body, user)
            if status:
                self._send(status, content)

        def _send(self, status: int, content: Any) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def api(airflow_url: str) -> Iterator[AirflowApi]:
    """The server as the administrator sees it."""
    api = AirflowApi(airflow_url, "admin", "right")
    yield api
    api.close()


@pytest.fixture
def login(airflow_url: str) -> Iterator[Callable[[str], AirflowApi]]:
    """Airflow as one of its users."""
    opened: dict[str, AirflowApi] = {}

    def log_in(user: str) -> AirflowApi:
        return opened.setdefault(user, AirflowApi(airflow_url, user, "right"))

    yield log_in
    for api in opened.values():
        api.close()
