"""The loop of two models, against a small server whose DAG runs follow one another as Airflow's do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from include.demo import loop as loop_module
from include.demo.loop import Loop, list_dags
from include.demo.progress import Progress
from include.demo.run import list_stages
from include.errors import StackError
from include.example.deliveries import Deliveries
from include.local.credentials import ensure_credentials
from include.local.home import StackHome
from include.local.stack import Stack
from include.settings.models import ModelSettings
from tests.unit.demo.conftest import FakeAirflow, list_page
from tests.unit.demo.test_follow import make_task

DELIVERIES = Deliveries(date(2026, 3, 1), date(2026, 3, 7), (date(2026, 3, 8), date(2026, 3, 9)), {}, "a few rows")
TASKS = {
    "build_features": ("dbt.dbt_producer_watcher", "publish_machine_state"),
    "train_candidates": ("assemble_training_set", "register"),
    "deploy_model": ("check_staging", "promote"),
    "score_batch": ("score",),
    "monitor_model": ("measure",),
}


@dataclass
class Chains(FakeAirflow):
    """Each triggered ingestion sets off a build; the first one all hops of each model, later ones its last two.

    Attributes:
        fails: DAGs whose runs fail.
        skips: tasks that are skipped in the runs of the replayed days.
    """

    models: tuple[str, ...] = ("failures", "units")
    fails: set[str] = field(default_factory=set)
    skips: set[str] = field(default_factory=set)
    runs: list[dict[str, Any]] = field(default_factory=list)

    def _read(self, path: str, steps: list[str]) -> tuple[int, Any]:
        if steps == ["dags", "~", "dagRuns"]:
            for body in self.triggered[self._count("ingest_sources") :]:
                self._follow(body["dag_run_id"])
            return 200, list_page("dag_runs", self.runs)
        if "logs" in steps:
            return 200, {"content": "the log says why"}
        return super()._read(path, steps)

    def _count(self, dag_id: str) -> int:
        return Counter(run["dag_id"] for run in self.runs)[dag_id]

    def _follow(self, run_id: str) -> None:
        is_first = not self.runs
        self._add("ingest_sources", run_id, ("publish",))
        if is_first:
            self._add("build_features", "scheduled", ("dbt.dbt_producer_watcher",))  # it has nothing to do
        self._add("build_features", f"build__{run_id}", TASKS["build_features"])
        for name in self.models:
            for hop in list(TASKS)[1 if is_first else 3 :]:
                skips = set() if is_first else self.skips
                if self._add(f"{name}.{hop}", f"{hop}__{run_id}", TASKS[hop], skips) != "success":
                    break

    def _add(self, dag_id: str, run_id: str, tasks: tuple[str, ...], skips: set[str] = frozenset()) -> str:  # type: ignore[assignment]
        at = (datetime.now(UTC) + timedelta(seconds=len(self.runs))).isoformat()
        state = "failed" if dag_id in self.fails else "success"
        self.tasks[f"{dag_id} {run_id}"] = [
            make_task(task, "skipped" if f"{dag_id}.{task}" in skips else state, start=at) for task in tasks
        ]
        run = {"dag_id": dag_id, "dag_run_id": run_id, "state": state, "run_after": at, "queued_at": at}
        self.runs.append(run)
        return "skipped" if any(f"{dag_id}.{task}" in skips for task in tasks) else state


@pytest.fixture
def airflow() -> Chains:
    """What the server will do."""
    return Chains()


@pytest.fixture
def loop(
    airflow_url: str, home: StackHome, models: dict[str, ModelSettings], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Loop]:
    """The loop of both models against the server; the model server never gets ready."""
    port = int(airflow_url.rpartition(":")[2])
    stack = Stack(home, {"airflow": port, "postgres": 1, "mlflow": 1, "model-server": 1}, ensure_credentials(home))
    monkeypatch.setattr(loop_module, "check_stack", lambda _: None)
    monkeypatch.setattr(loop_module, "read_entities", lambda *_: [{"machine_id": 1}])
    progress = Progress("demo", list_stages([*models], days=2), is_live=False)
    specs: Any = {name: SimpleNamespace() for name in models}
    loop = Loop(stack, models, specs, progress)
    loop.follower.poll_s = 0.005
    yield loop
    loop.close()


def read_states(loop: Loop) -> dict[str, str]:
    return {
        stage.name: stage.state for stage in loop.progress.stages if stage.name not in ("write_sources", "start_stack")
    }


def test_every_model_goes_through_its_loop_and_each_day(loop: Loop, airflow: Chains) -> None:
    loop.run(DELIVERIES)
    assert set(read_states(loop).values()) == {"done"}
    assert [body["conf"] for body in airflow.triggered] == [
        {"from_day": "2026-03-01", "to_day": "2026-03-07"},
        {"from_day": "2026-03-08", "to_day": "2026-03-08"},
        {"from_day": "2026-03-09", "to_day": "2026-03-09"},
    ]
    assert all(notes.failure is None and notes.requests == 0 for notes in loop.notes.values())
    states = {(run["dag_id"], run["state"]) for run in loop.list_runs()}
    assert states == {(dag_id, "success") for dag_id in list_dags(["failures", "units"])}


def test_a_model_that_fails_is_left_behind_and_the_other_goes_on(loop: Loop, airflow: Chains) -> None:
    airflow.fails = {"failures.train_candidates"}
    loop.run(DELIVERIES)
    states = read_states(loop)
    assert states["failures.train_candidates"] == "failed"
    assert states["failures.deploy_model"] == states["failures.replay_day_1"] == "waiting"
    assert {state for name, state in states.items() if not name.startswith("failures.")} == {"done"}
    assert loop.notes["units"].failure is None
    assert "failures.train_candidates failed" in str(loop.notes["failures"].failure)
    assert "the log says why" in str(loop.notes["failures"].failure)


def test_without_any_model_left_the_loop_ends_with_what_went_wrong(loop: Loop, airflow: Chains) -> None:
    airflow.fails = {"failures.train_candidates", "units.deploy_model"}
    with pytest.raises(StackError, match=r"(?s)No model .*failures: .*units: units\.deploy_model failed"):
        loop.run(DELIVERIES)


def test_a_hop_that_all_models_need_ends_the_loop(loop: Loop, airflow: Chains) -> None:
    airflow.fails = {"build_features"}
    with pytest.raises(StackError, match="build_features failed"):
        loop.run(DELIVERIES)


def test_a_model_with_nothing_new_to_score_is_not_waited_for(loop: Loop, airflow: Chains) -> None:
    airflow.skips = {"units.score_batch.score"}
    loop.run(DELIVERIES)
    assert set(read_states(loop).values()) == {"done"}
    doing = {stage.name: stage.doing for stage in loop.progress.stages}
    assert doing["units.replay_day_1"] == "nothing new to score"
    assert doing["failures.replay_day_1"].startswith("monitor_model")


def test_one_model_alone_goes_through_the_loop(loop: Loop, airflow: Chains) -> None:
    airflow.models = ("units",)
    for known in (loop.models, loop.notes):
        del known["failures"]  # type: ignore[attr-defined]
    loop.run(DELIVERIES)
    assert read_states(loop)["units.replay_day_2"] == "done"
