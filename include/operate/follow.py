"""Follows chains of DAG runs to their ends, several side by side.

A chain is a generator that yields whenever it has to wait. :meth:`Follower.drive` looks at Airflow once, lets each
chain go on as far as it can, and looks again. How long a run may take is not limited: a wait is given up when nothing
in Airflow has moved for a long time (see :mod:`include.operate.stall`).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Generator, Hashable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from include.commands.airflow_api import FINAL_STATES
from include.errors import OrreryError, StackError
from include.operate.signs import describe_import_errors, is_any_working, read_signs
from include.operate.stall import PATIENCE_S, StallWatch
from include.operate.tasks import describe_tasks, explain_run, has_run

if TYPE_CHECKING:
    from include.commands.airflow_api import AirflowApi

Tell = Callable[[str], None]
Tasks = list[dict[str, Any]]
_POLL_S: Final = 1.0
_SLACK: Final = timedelta(seconds=1)


@dataclass(frozen=True)
class FinishedRun:
    """A DAG run that has succeeded, with its task instances.

    Attributes:
        kind: what started it: ``manual``, ``scheduled``, ``asset_triggered``….
    """

    run_id: str
    tasks: Tasks
    kind: str = ""

    def has_run(self, pattern: str) -> bool:
        """Whether such a task succeeded in it."""
        return has_run(self.tasks, pattern)

    @property
    def began_at(self) -> datetime:
        """When its first task began: what follows from it was queued after that."""
        moments = [task["start_date"] for task in self.tasks if task.get("start_date")]
        return min(map(datetime.fromisoformat, moments))

    def find_end(self, task_id: str) -> datetime | None:
        """When a task of it succeeded; None if it did not."""
        ends = [task["end_date"] for task in self.tasks if has_run([task], task_id)]
        return datetime.fromisoformat(ends[0]) if ends else None


class RunFailedError(StackError):
    """A DAG run has failed.

    Attributes:
        tasks: the task instances of the run.
    """

    def __init__(self, message: str, tasks: Tasks) -> None:
        super().__init__(message)
        self.tasks = tasks

    def has_failed(self, task_id: str) -> bool:
        """Whether a task was what failed, and not what waited for it."""
        return any(task["task_id"] == task_id and task["state"] == "failed" for task in self.tasks)


Chain = Generator[None, None, None]
Wait = Generator[None, None, FinishedRun]


@dataclass
class Follower:
    """Waits for runs in the order in which they happen; each run is waited for once.

    Attributes:
        check: called at every look; raises StackError when there is nothing to wait for any more.
        logs: Airflow's folder of logs.
        trouble: why Airflow did not answer the last time; empty when it did.
        is_patient_with_people: whether a task that waits for a person's answer is waited for without a limit.
    """

    api: AirflowApi
    logs: Path
    check: Callable[[], None] = lambda: None
    patience_s: float = PATIENCE_S
    poll_s: float = _POLL_S
    clock: Callable[[], float] = time.monotonic
    trouble: str = ""
    is_patient_with_people: bool = False
    runs: list[dict[str, Any]] = field(default_factory=list)
    seen: set[tuple[str, str]] = field(default_factory=set)
    waiting_for: set[str] = field(default_factory=set)
    _tasks: dict[tuple[str, str], Tasks] = field(default_factory=dict)
    _known_dags: frozenset[str] = frozenset()

    def drive(self, chains: Mapping[str, Chain]) -> dict[str, OrreryError]:
        """Let the chains go on side by side until each has ended; what went wrong, by the name of the chain.

        Raises:
            StackError: ``check`` refuses to go on, or nothing has moved for a long time; all chains are closed.
        """
        watch = StallWatch(self._read_signs, self.patience_s, self.clock)
        failures: dict[str, OrreryError] = {}
        left = dict(chains)
        try:
            while True:
                began_at = time.monotonic()
                self.check()
                self._look()
                for name, chain in list(left.items()):
                    if (error := _advance(chain)) is not None:
                        del left[name]
                        if isinstance(error, OrreryError):
                            failures[name] = error
                if not left:
                    return failures
                if watch.note(self._find_signs()):
                    raise StackError(self._describe_stall())
                # At most a quarter of the time goes into asking: what answers runs on the same cores as the work.
                time.sleep(max(self.poll_s, 3 * (time.monotonic() - began_at)))
        finally:
            for chain in left.values():
                chain.close()

    def drive_one(self, chain: Chain) -> None:
        """Let one chain go on to its end.

        Raises:
            OrreryError: what went wrong in it.
        """
        for error in self.drive({"": chain}).values():
            raise error

    def wait_for_dags(self, dag_ids: Collection[str], tell: Tell) -> Chain:
        """Wait until Airflow has read all of these DAGs.

        An import error is shown and does not end the wait: one that comes from a busy machine goes at the next look.
        """
        names = f"the DAGs {', '.join(sorted(dag_ids))}"
        self.waiting_for.add(names)
        while True:
            try:
                self._known_dags = frozenset(dag["dag_id"] for dag in self.api.list_dags())
                self.trouble = ""
            except StackError as error:
                self.trouble = str(error)
            absent = sorted(set(dag_ids) - self._known_dags)
            if not absent:
                self.waiting_for.discard(names)
                return
            told = f"Airflow has read {len(dag_ids) - len(absent)} of {len(dag_ids)} DAGs"
            broken = describe_import_errors(self.api)
            tell(f"{told}; {broken.splitlines()[-1]}" if broken else told)
            yield

    def trigger(self, dag_id: str, conf: dict[str, Any], run_id: str) -> Chain:
        """Start a run by hand, once, however often it has to be asked for."""
        while True:
            try:
                self.api.trigger_run(dag_id, conf=conf, run_id=run_id)
            except StackError as error:
                status = re.search(r"status (\d+)", str(error))
                if status and status[1] == "409":
                    return
                if status and status[1].startswith("4"):
                    raise
                self.trouble = str(error)
                yield
            else:
                return

    def wait(
        self,
        dag_id: str,
        tell: Tell,
        *,
        after: datetime | None = None,
        run_id: str | None = None,
        meant_by: str | None = None,
        must_run: str | None = None,
        on_look: Callable[[str, Tasks], None] | None = None,
    ) -> Wait:
        """Wait for a run of ``dag_id`` to its end: the one called ``run_id``, else the first queued after ``after``.

        Args:
            meant_by: a task (or a pattern of some, ``publish_*``) that succeeds in the run that is meant; a run in
                which it does not had nothing to do and is passed over.
            must_run: a task that must succeed in the run that is meant.
            on_look: called with the run's id and task instances while it is under way.

        Raises:
            StackError: the run failed, or it skipped ``must_run``; the message ends with the logs of the tasks
                that say why.
        """
        self.waiting_for.add(dag_id)
        try:
            while True:
                for run in self._find_new(dag_id, after, run_id):
                    tasks = self._read_tasks(dag_id, run["dag_run_id"])
                    if tasks is None:
                        break
                    tell(describe_tasks(tasks))
                    if run["state"] not in FINAL_STATES:
                        if on_look is not None:
                            on_look(run["dag_run_id"], tasks)
                        continue
                    self.seen.add((dag_id, run["dag_run_id"]))
                    if run["state"] == "failed":
                        explained = explain_run(self.api, dag_id, run["dag_run_id"], tasks, "failed")
                        raise RunFailedError(explained, tasks)
                    if meant_by is not None and not has_run(tasks, meant_by):
                        continue
                    if must_run is not None and not has_run(tasks, must_run):
                        raise StackError(explain_run(self.api, dag_id, run["dag_run_id"], tasks, "skipped"))
                    return FinishedRun(run["dag_run_id"], tasks, run.get("run_type", ""))
                yield
        finally:
            self.waiting_for.discard(dag_id)

    def find_open(self, dag_id: str, before: datetime | None = None) -> str | None:
        """The id of the oldest run of a DAG that is queued or under way by the last look, queued before a moment."""
        left = [
            run
            for run in self.runs
            if run["dag_id"] == dag_id
            and run["state"] not in FINAL_STATES
            and (before is None or datetime.fromisoformat(run["queued_at"] or run["run_after"]) < before)
        ]
        return min(left, key=lambda run: str(run["run_after"]))["dag_run_id"] if left else None

    def wait_until_over(self, dag_ids: Collection[str]) -> Chain:
        """Wait until none of these DAGs has a run that is queued or under way."""
        while True:
            left = {run["dag_id"] for run in self.runs if run["state"] not in FINAL_STATES} & set(dag_ids)
            self.waiting_for = left
            if not left and not self.trouble:
                return
            yield

    def _look(self) -> None:
        """Ask once for all runs, for all chains."""
        try:
            self.runs = self.api.list_runs()
            self.trouble = ""
        except StackError as error:
            self.trouble = str(error)

    def _find_new(self, dag_id: str, after: datetime | None, run_id: str | None) -> list[dict[str, Any]]:
        fresh = [
            run
            for run in self.runs
            if run["dag_id"] == dag_id
            and (dag_id, run["dag_run_id"]) not in self.seen
            and run_id in (None, run["dag_run_id"])
            and (after is None or datetime.fromisoformat(run["queued_at"] or run["run_after"]) >= after - _SLACK)
        ]
        return sorted(fresh, key=lambda run: str(run["run_after"]))

    def _read_tasks(self, dag_id: str, run_id: str) -> Tasks | None:
        """The run's task instances; None when Airflow does not answer."""
        try:
            tasks = self.api.list_task_instances(dag_id, run_id)
        except StackError as error:
            self.trouble = str(error)
            return None
        self._tasks[dag_id, run_id] = tasks
        return tasks

    def _find_signs(self) -> Hashable:
        runs = frozenset((run["dag_id"], run["dag_run_id"], run["state"]) for run in self.runs)
        tasks = frozenset(
            (*key, task["task_id"], task["map_index"], task["state"], task["try_number"])
            for key, found in self._tasks.items()
            for task in found
        )
        is_asking = self.is_patient_with_people and any(task[4] == "awaiting_input" for task in tasks)
        return (runs, tasks, self._known_dags, self.clock() if is_asking else None)

    def _read_signs(self) -> Hashable:
        open_runs = {(run["dag_id"], run["dag_run_id"]) for run in self.runs if run["state"] not in FINAL_STATES}
        tasks = [task for key, found in self._tasks.items() if key in open_runs for task in found]
        return read_signs(self.api, self.logs, is_working=is_any_working(tasks))

    def _describe_stall(self) -> str:
        lines = [
            f"Nothing in Airflow has moved for {self.patience_s / 60:.0f} minutes while this waited for "
            f"{', '.join(sorted(self.waiting_for)) or 'nothing'}. Look at it in the Airflow UI."
        ]
        return "\n".join(part for part in (*lines, self.trouble, describe_import_errors(self.api)) if part)


def now() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)


def _advance(chain: Chain) -> OrreryError | StopIteration | None:
    """Let a chain go on; None while it goes on, else how it ended."""
    try:
        next(chain)
    except (StopIteration, OrreryError) as ended:
        return ended
    return None
