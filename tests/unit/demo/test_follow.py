"""Following a chain of DAG runs, against a small server that answers as Airflow's REST API does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

from include.demo.follow import Follower, describe_tasks, has_run, name_task, now
from include.errors import StackError
from include.local.airflow_api import AirflowApi

BEGAN_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Airflow:
    """What the server knows of one DAG, ``hop``; a test fills it in.

    Attributes:
        looks: the list of runs at each look; the last one stays.
        tasks: task instances by run.
        logs: a log's text by run, task and try.
        conf: what the runs triggered by hand were given.
    """

    looks: list[list[dict[str, Any]]] = field(default_factory=lambda: [[]])
    tasks: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    conf: list[Any] = field(default_factory=list)

    def answer(self, path: str, body: Any) -> Any:
        """The answer to a request below ``dags/hop/dagRuns``."""
        steps = path.partition("dags/hop/dagRuns")[2].strip("/").split("/")
        if steps == [""] and body is not None:
            self.conf.append(body["conf"])
            return {"dag_run_id": "manual__1"}
        if steps == [""]:
            runs = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
            return {"dag_runs": runs, "total_entries": len(runs)}
        if "logs" in steps:
            return {"content": self.logs[f"{steps[0]} {steps[2]} {steps[4]}"]}
        tasks = self.tasks.get(steps[0], [])
        return {"task_instances": tasks, "total_entries": len(tasks)}


@pytest.fixture
def airflow() -> Airflow:
    """What the server will say."""
    return Airflow()


@pytest.fixture
def follower(airflow: Airflow) -> Iterator[Follower]:
    """A follower that asks a real server on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(airflow.answer(urlsplit(self.path).path, None))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._send({"access_token": "t"} if self.path == "/auth/token" else airflow.answer(self.path, body))

        def _send(self, content: Any) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    api = AirflowApi(f"http://127.0.0.1:{server.server_port}", "admin", "right")
    yield Follower(api)
    api.close()
    server.shutdown()
    thread.join()
    server.server_close()


def make_run(run_id: str, state: str, minute: int = 1, *, is_queued: bool = True) -> dict[str, Any]:
    at = (BEGAN_AT + timedelta(minutes=minute)).isoformat().replace("+00:00", "Z")
    return {"dag_run_id": run_id, "state": state, "run_after": at, "queued_at": at if is_queued else None}


def make_task(task_id: str, state: str | None, try_number: int = 1, name: str | None = None) -> dict[str, Any]:
    return {
        "task_id": task_id,
        "state": state,
        "try_number": try_number,
        "map_index": -1,
        "rendered_map_index": name,
    }


def ignore(_: str) -> None:
    """Tell nobody."""


def test_nobody_waits_for_a_stack_that_has_died(follower: Follower) -> None:
    def find_dead() -> None:
        raise StackError("airflow-scheduler has died.")

    follower.check = find_dead
    with pytest.raises(StackError, match="airflow-scheduler has died"):
        follower.wait("hop", ignore, after=BEGAN_AT)


def test_a_run_is_triggered_by_hand(follower: Follower, airflow: Airflow) -> None:
    assert follower.trigger("hop", {"from_day": "2026-03-01"}) == "manual__1"
    assert airflow.conf == [{"from_day": "2026-03-01"}]


def test_waiting_lasts_until_the_run_has_succeeded(follower: Follower, airflow: Airflow) -> None:
    airflow.looks = [[], [make_run("r", "running", is_queued=False)], [make_run("r", "success")]]
    airflow.tasks["r"] = [make_task("land", "success"), make_task("publish", "running")]
    told: list[str] = []
    polled: list[str] = []

    run = follower.wait("hop", told.append, after=BEGAN_AT, on_poll=polled.append)

    assert run == make_run("r", "success")
    assert told == ["1/2 tasks · publish"] * 2
    assert polled == ["r", "r"]


def test_each_run_is_waited_for_once_and_the_oldest_first(follower: Follower, airflow: Airflow) -> None:
    airflow.looks = [[make_run("second", "success", minute=2), make_run("first", "success", minute=1)]]
    waited = [follower.wait("hop", ignore, after=BEGAN_AT)["dag_run_id"] for _ in range(2)]
    assert waited == ["first", "second"]


def test_a_run_of_before_does_not_count(follower: Follower, airflow: Airflow) -> None:
    airflow.looks = [[make_run("stale", "failed", minute=-1), make_run("new", "success")]]
    assert follower.wait("hop", ignore, after=BEGAN_AT)["dag_run_id"] == "new"


def test_a_failed_run_names_its_tasks_and_ends_with_their_logs(follower: Follower, airflow: Airflow) -> None:
    airflow.looks = [[make_run("r", "failed")]]
    airflow.tasks["r"] = [
        make_task("land", "success"),
        make_task("audit", "failed", try_number=3, name="products"),
        make_task("publish", "upstream_failed", try_number=0),
    ]
    airflow.logs["r audit 3"] = "x" * 5000 + "\nAuditError: 7 prices below 0"
    with pytest.raises(StackError) as stopped:
        follower.wait("hop", ignore, after=BEGAN_AT)
    first, heading, *_ = str(stopped.value).splitlines()
    assert first == "hop failed in audit[products] (run r)."
    assert heading == "--- end of the log of audit:"
    assert str(stopped.value).endswith("\nAuditError: 7 prices below 0")
    assert len(str(stopped.value)) < 2700


def test_a_run_that_failed_without_a_failed_task_says_where_to_look(follower: Follower, airflow: Airflow) -> None:
    airflow.looks = [[make_run("r", "failed")]]
    airflow.tasks["r"] = [make_task("land", "skipped", try_number=1)]
    with pytest.raises(StackError, match=r"hop failed in no task of its own; look at it in the Airflow UI \(run r\)"):
        follower.wait("hop", ignore, after=BEGAN_AT)


def test_a_run_that_had_nothing_to_do_is_passed_over(follower: Follower, airflow: Airflow) -> None:
    airflow.looks = [[make_run("idle", "success", 1), make_run("meant", "success", 2)]]
    airflow.tasks["idle"] = [make_task("score", "skipped")]
    airflow.tasks["meant"] = [make_task("score", "success")]
    run = follower.wait("hop", ignore, after=BEGAN_AT, meant_by="score", must_run="score")
    assert run["dag_run_id"] == "meant"


def test_a_refusal_stops_at_once_with_the_log_that_says_why(follower: Follower, airflow: Airflow) -> None:
    airflow.looks = [[make_run("r", "success")]]
    airflow.tasks["r"] = [
        make_task("assemble", "success"),
        make_task("register", "skipped"),
        make_task("announce", "skipped", try_number=0),
    ]
    airflow.logs["r register 1"] = "The candidate was refused: AUC 0.61 is below 0.70"
    with pytest.raises(StackError) as stopped:
        follower.wait("hop", ignore, after=BEGAN_AT, meant_by="assemble", must_run="register")
    assert str(stopped.value) == (
        "hop stopped early: it skipped register, announce (run r).\n"
        "--- end of the log of register:\n"
        "The candidate was refused: AUC 0.61 is below 0.70"
    )


def test_a_run_that_does_not_end_is_named(follower: Follower) -> None:
    with pytest.raises(StackError, match=r"No run of hop ended within 0 s\. Look at it in the Airflow UI"):
        follower.wait("hop", ignore, after=now(), timeout_s=0)


def test_tasks_are_described_in_a_few_words() -> None:
    tasks = [
        make_task("land", "success"),
        make_task("dbt.staging", "running", name="a"),
        make_task("approve", "awaiting_input"),
        make_task("publish", "up_for_retry"),
        make_task("score", None),
    ]
    assert describe_tasks(tasks) == "1/5 tasks · staging[a], approve · 1 waiting to retry"
    assert describe_tasks([make_task(state, state) for state in ("skipped", "failed", "upstream_failed")]) == (
        "3/3 tasks"
    )
    assert describe_tasks([make_task(str(n), "running") for n in range(5)]) == "0/5 tasks · 0, 1, 2"
    assert describe_tasks([]) == "0/0 tasks"


def test_a_mapped_task_carries_its_name_and_no_group() -> None:
    assert name_task(make_task("fit", "running", name="xgboost")) == "fit[xgboost]"
    assert name_task(make_task("dbt.orders_run", "running")) == "orders_run"
    assert name_task({"task_id": "fit"}) == "fit"


def test_only_success_counts_as_having_run() -> None:
    tasks = [make_task("land", "skipped"), make_task("publish", "success")]
    assert has_run(tasks, "publish")
    assert not has_run(tasks, "land")
    assert not has_run(tasks, "absent")
