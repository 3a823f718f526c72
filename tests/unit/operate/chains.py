"""An Airflow whose DAG runs follow one another."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.unit.operate.conftest import FakeAirflow, list_page
from tests.unit.operate.test_follow import make_task

TASKS = {
    "build_features": ("dbt.dbt_producer_watcher", "publish_machine_state"),
    "train_candidates": ("assemble_training_set", "register"),
    "deploy_model": ("check_staging", "record_approval", "promote"),
    "score_batch": ("score",),
    "monitor_model": ("measure",),
}


@dataclass
class Chains(FakeAirflow):
    """Each triggered ingestion sets off a build; the first one all hops of each model, later ones its last two.

    Attributes:
        fails: DAGs whose runs fail by each of their tasks, or one task (``dag.task``) that fails such a run alone.
        skips: tasks that are skipped in the runs of the replayed days.
        first_skips: tasks that are skipped in the runs of the first one.
        xcoms: what a task has returned, by ``dag task``.
    """

    models: tuple[str, ...] = ("failures", "units")
    fails: set[str] = field(default_factory=set)
    skips: set[str] = field(default_factory=set)
    first_skips: set[str] = field(default_factory=set)
    xcoms: dict[str, Any] = field(default_factory=dict)
    runs: list[dict[str, Any]] = field(default_factory=list)
    _followed: int = 0

    def _read(self, path: str, steps: list[str]) -> tuple[int, Any]:
        if steps == ["dags", "~", "dagRuns"]:
            for body in self.triggered[self._followed :]:
                self._followed += 1
                self._follow(body["dag_id"], body["dag_run_id"])
            return 200, list_page("dag_runs", self.runs)
        if "xcomEntries" in steps:
            judged = {"reasons": [], "failures": [], "ranking": []}
            return 200, {"value": self.xcoms.get(f"{steps[1]} {steps[5]}", judged)}
        if "logs" in steps:
            return 200, {"content": "the log says why"}
        return super()._read(path, steps)

    def _follow(self, dag_id: str, run_id: str) -> None:
        if dag_id != "ingest_sources":
            name, hop = dag_id.split(".")
            self._add(dag_id, run_id, TASKS[hop])
            self._follow_model(name, run_id, list(TASKS)[2:], set())
            return
        is_first = not any(run["dag_id"] == dag_id for run in self.runs)
        skips = self.first_skips if is_first else self.skips
        if self._add("ingest_sources", run_id, ("publish",), skips) == "skipped":
            return
        if is_first:
            self._add("build_features", "scheduled", ("dbt.dbt_producer_watcher",))  # it has nothing to do
        if self._add("build_features", f"build__{run_id}", TASKS["build_features"], skips) == "skipped":
            return
        for name in self.models:
            self._follow_model(name, run_id, list(TASKS)[1 if is_first else 3 :], skips)

    def _follow_model(self, name: str, run_id: str, hops: list[str], skips: set[str]) -> None:
        for hop in hops:
            state = self._add(f"{name}.{hop}", f"{hop}__{run_id}", TASKS[hop], skips)
            if state != "success" and hop in ("score_batch", "monitor_model"):
                return
            if state != "success":
                # No new champion: what was built is scored by the one that there is.
                self._follow_model(name, run_id, list(TASKS)[3:], skips)
                return

    def _add(self, dag_id: str, run_id: str, tasks: tuple[str, ...], skips: set[str] = frozenset()) -> str:  # type: ignore[assignment]
        at = (datetime.now(UTC) + timedelta(seconds=len(self.runs))).isoformat()
        failed = {task for task in tasks if {dag_id, f"{dag_id}.{task}"} & self.fails}
        state = "failed" if failed else "success"
        self.tasks[f"{dag_id} {run_id}"] = [
            make_task(
                task,
                "skipped" if f"{dag_id}.{task}" in skips else "failed" if task in failed else "success",
                start=at,
            )
            for task in tasks
        ]
        kind = "scheduled" if run_id == "scheduled" else "asset_triggered"
        run = {
            "dag_id": dag_id,
            "dag_run_id": run_id,
            "state": state,
            "run_after": at,
            "queued_at": at,
            "run_type": kind,
        }
        self.runs.append(run)
        return "skipped" if any(f"{dag_id}.{task}" in skips for task in tasks) else state
