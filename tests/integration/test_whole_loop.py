"""The whole loop on a slice of the real panel, through the real scheduler, in a folder of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from include.local.home import StackHome
from include.local.stack import Stack, running_stack
from include.local.state import load_state
from include.warehouse.session import open_session

ROOT = Path(__file__).resolve().parents[2]
HOPS = {"ingest_sources", "build_features", "train_candidates", "deploy_model", "score_batch", "monitor_model"}
HOUSEHOLDS = 1000

pytestmark = pytest.mark.integration


def start_demo(home: Path) -> subprocess.Popen[str]:
    """The demo as `make demo ARGS=--exit` runs it, on a sample and one replayed day."""
    command = [
        sys.executable, "-m", "include.demo", "--home", str(home),
        "--households", str(HOUSEHOLDS), "--days", "1", "--exit",
    ]  # fmt: skip
    output = (home.parent / "demo.log").open("a")
    # Started from a background job, a process inherits that Ctrl-C is ignored; a handler is reset by exec.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    return subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output, text=True, start_new_session=True)


def read_output(home: Path) -> str:
    """What the demo has printed so far."""
    return (home.parent / "demo.log").read_text(encoding="utf-8")


def find_processes(home: Path) -> list[str]:
    """Command lines of live processes that belong to the stack in this folder."""
    import psutil

    found = []
    for process in psutil.process_iter(["cmdline", "environ", "status"]):
        environment = process.info["environ"] or {}
        words = " ".join(process.info["cmdline"] or [])
        if (environment.get("ORRERY_HOME") == str(home) or str(home) in words) and process.info["status"] != "zombie":
            found.append(words)
    return found


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A folder for one stack, reachable for PostgreSQL's own user."""
    folder = Path(tempfile.mkdtemp(prefix="orrery-loop-"))
    folder.chmod(0o755)
    yield folder / "home"
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def interrupted(home: Path) -> int:
    """The exit code of a demo that was interrupted while it ingested."""
    demo = start_demo(home)
    while "▶ ingest_sources" not in read_output(home):
        assert demo.poll() is None, f"the demo ended early:\n{read_output(home)}"
        time.sleep(0.5)
    time.sleep(5)
    os.kill(demo.pid, signal.SIGINT)
    return demo.wait()


@pytest.fixture(scope="module")
def report(home: Path, interrupted: int) -> dict[str, Any]:
    """The report of a demo that was started again in the same folder and ran to its end."""
    assert interrupted != 0
    code = start_demo(home).wait()
    assert code == 0, f"the demo failed with {code}:\n{read_output(home)[-6000:]}"
    return dict(json.loads((home / "demo" / "report.json").read_text(encoding="utf-8")))


def test_an_interrupted_demo_says_so_and_leaves_nothing_running(home: Path, interrupted: int) -> None:
    assert interrupted != 0
    assert "Interrupted" in read_output(home)
    assert find_processes(home) == []


def test_every_hop_ran_and_none_failed(report: dict[str, Any]) -> None:
    states = {(run["dag_id"], run["state"]) for run in report["dag_runs"]}
    assert {dag_id for dag_id, _ in states} == HOPS
    assert {state for _, state in states} == {"success"}


def test_all_of_the_history_and_the_replayed_day_are_published(report: dict[str, Any]) -> None:
    assert report["data"]["days"] == 364  # the shop was closed on one day of the year
    assert report["data"]["rows"] > 300 * HOUSEHOLDS


def test_the_champion_beats_the_best_single_feature(report: dict[str, Any]) -> None:
    champion, baseline = report["champion"], report["baseline"]
    assert champion["auc_low"] <= champion["auc"] <= champion["auc_high"]
    assert baseline["auc"] < champion["auc"] < 0.90
    assert champion["version"] > 1
    assert report["decision"] == "production"


def test_somebody_else_than_the_trainer_approved(report: dict[str, Any]) -> None:
    approval = report["approval"]
    assert approval["answered_by"] == "approver"
    assert approval["trained_by"] == "scientist"


def test_the_canary_took_over_in_steps_and_no_request_failed(report: dict[str, Any]) -> None:
    events = [event["event"] for event in report["canary"]]
    weights = [event["challenger_weight"] for event in report["canary"] if event["challenger_weight"]]
    assert events[0] == "bootstrapped"
    assert events[-1] == "promoted"
    assert weights == sorted(weights)
    assert weights[-1] == 1.0
    assert report["traffic"]["requests"] > 100
    assert report["traffic"]["failed"] == 0


def test_outcomes_became_known_and_monitoring_decided(report: dict[str, Any]) -> None:
    assert report["performance"]["predictions"] > 0
    assert report["retraining"]["action"] in {"keep", "retrain"}
    assert report["retraining"]["reasons"]


def test_every_table_has_a_producing_run(report: dict[str, Any]) -> None:
    assert report["lineage"]["tables_without_producer"] == []
    assert report["lineage"]["tables_written"] > 20


def test_each_stage_has_its_seconds_and_they_sum_up(report: dict[str, Any]) -> None:
    seconds = {stage["name"]: stage["seconds"] for stage in report["stages"]}
    # The shop's files are those of the interrupted demo, so writing them takes no time.
    assert all(seconds[name] > 0 for name in {*HOPS, "start_stack", "replay_day_1"})
    assert report["total_seconds"] == pytest.approx(sum(seconds.values()), abs=0.1 * len(seconds))


def test_nothing_is_left_running(home: Path, report: dict[str, Any]) -> None:
    assert report
    assert find_processes(home) == []


def test_sigterm_stops_a_demo_as_ctrl_c_does() -> None:
    folder = Path(tempfile.mkdtemp(prefix="orrery-term-"))
    folder.chmod(0o755)
    try:
        demo = start_demo(folder / "home")
        while "▶ ingest_sources" not in read_output(folder / "home"):
            assert demo.poll() is None, f"the demo ended early:\n{read_output(folder / 'home')}"
            time.sleep(0.5)
        demo.terminate()
        assert demo.wait() == 130
        assert find_processes(folder / "home") == []
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def stack(home: Path, report: dict[str, Any]) -> Iterator[Stack]:
    """The demo's stack, started again in its folder."""
    with running_stack(home) as stack:
        yield stack


def ask_version(stack: Stack) -> int:
    """The version of the model that answers a client now."""
    with open_session(stack.uris.warehouse) as session:
        household = session.fetch_value("select min(household_id) from online.customer_features")
    answer = httpx.post(f"{stack.uris.model_server}/predict", json={"household_id": household}, trust_env=False)
    return int(answer.raise_for_status().json()["model_version"])


def run_dag(stack: Stack, dag_id: str, **parameters: Any) -> tuple[str, dict[tuple[str, int], dict[str, Any]]]:
    """Run a DAG to its end; its state, and its task instances by task and map index."""
    airflow = stack.airflow()
    run_id = airflow.trigger_run(dag_id, parameters)["dag_run_id"]
    state = airflow.wait_for_run(dag_id, run_id)["state"]
    instances = airflow.list_task_instances(dag_id, run_id)
    return state, {(instance["task_id"], instance["map_index"]): instance for instance in instances}


def test_a_rollback_puts_the_earlier_version_back(stack: Stack, report: dict[str, Any]) -> None:
    assert ask_version(stack) == report["champion"]["version"]

    state, _ = run_dag(stack, "rollback_model", version=1, reason="the test asks for it")

    assert state == "success"
    deadline = time.monotonic() + 60
    while ask_version(stack) != 1:
        assert time.monotonic() < deadline, "the server still answers with the version that was rolled back"
        time.sleep(0.2)


def test_a_rollback_to_an_unknown_version_is_refused_at_once(stack: Stack) -> None:
    airflow = stack.airflow()
    before = ask_version(stack)

    state, tasks = run_dag(stack, "rollback_model", version=99, reason="there is no such version")

    assert state == "failed"
    restore = tasks["restore", -1]
    assert restore["try_number"] == 1
    assert "has no version 99" in airflow.read_log("rollback_model", restore["dag_run_id"], "restore")
    assert ask_version(stack) == before


def test_without_mlflow_training_is_tried_again_and_then_says_what_is_away(home: Path, stack: Stack) -> None:
    mlflow = psutil.Process(load_state(StackHome(home)).processes["mlflow"].pid)
    mlflow.terminate()
    mlflow.wait()

    state, tasks = run_dag(stack, "train_candidates", force=True)

    assert state == "failed"
    fits = [task for (task_id, _), task in tasks.items() if task_id == "fit"]
    assert {task["state"] for task in fits} == {"failed"}
    assert {task["try_number"] for task in fits} == {4}
    assert tasks["register", -1]["state"] == "upstream_failed"
    for number in (1, 4):
        log = stack.airflow().read_log("train_candidates", fits[0]["dag_run_id"], "fit", number, map_index=0)
        assert f"MLflow at {stack.uris.mlflow} is away" in log
