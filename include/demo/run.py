"""The whole loop on real data: history once, then the last days replayed one by one."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from include.demo.follow import Follower, now
from include.demo.fresh import clear_earlier_demo, mark_finished
from include.demo.progress import Progress, Stage
from include.demo.report import HOPS, build_report, find_shortcomings, write_report
from include.demo.summary import print_summary
from include.errors import StackError
from include.example.panel import PanelSummary, write_shop_sources
from include.example.traffic import Traffic
from include.governance.spool import Spool
from include.local.airflow_api import AirflowApi
from include.local.cli import home_option
from include.local.home import StackHome, prepare_home, resolve_home
from include.local.stack import Stack, release_stack, start_stack, stop_stack
from include.local.status import check_stack
from include.settings import load_settings

APPROVER: Final = "approver"
MIN_HOUSEHOLDS: Final = 1000
LINEAGE_WAIT_S: Final = 30.0
PERSON_READS_S: Final = 2.0
TITLES: Final = {
    "write_sources": "write the shop's files",
    "start_stack": "start the stack",
    "ingest_sources": "ingest_sources (history)",
    "build_features": "build_features",
    "train_candidates": "train_candidates",
    "deploy_model": "deploy_model",
    "score_batch": "score_batch",
    "monitor_model": "monitor_model",
}


@dataclass(frozen=True)
class DemoOptions:
    """What ``make demo ARGS=…`` can change.

    ``days`` are replayed as the live stream; ``households`` takes a sample of that many (None: all).
    """

    home: Path
    days: int = 2
    households: int | None = None
    is_exiting: bool = False


def run_from_command_line(arguments: Sequence[str] | None = None) -> int:
    """Run the demo as the command line asks for it; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m include.demo", description=__doc__, parents=[home_option()])
    parser.add_argument("--days", type=int, default=2, help="days to replay as the live stream (default 2)")
    parser.add_argument("--households", type=int, default=None, help="a sample of N households (default: all)")
    parser.add_argument("--exit", action="store_true", help="stop everything at the end; exit 0 only on success")
    options = parser.parse_args(arguments)
    home = resolve_home(options.home).path
    return run_demo(DemoOptions(home, options.days, options.households, options.exit))


def check_options(options: DemoOptions) -> None:
    """Refuse what cannot work.

    Raises:
        StackError: no day to replay, or too few households to learn and to judge from.
    """
    if options.days < 1:
        raise StackError("--days must be at least 1: the stream needs a day to replay.")
    if options.households is not None and options.households < MIN_HOUSEHOLDS:
        raise StackError(
            f"--households must be at least {MIN_HOUSEHOLDS}: with fewer, the test has too few churners for the "
            "gates to let any model into production (include/config/gates.yml, evidence)."
        )


def run_demo(options: DemoOptions) -> int:
    """Run the demo; 0 if the whole loop worked.

    An earlier demo in the same folder is cleared first. The stack is stopped again when the demo fails, is
    interrupted, or was asked to.

    Raises:
        StackError: a component or a DAG run failed; the message carries the end of its log.
    """
    check_options(options)
    replays = [Stage(f"replay_day_{n}", f"replay day {n} of {options.days}") for n in range(1, options.days + 1)]
    stages = [Stage(name, title) for name, title in TITLES.items()] + replays
    home = resolve_home(options.home)
    prepare_home(home)
    clear_earlier_demo(home)
    with ExitStack() as cleanup:
        cleanup.callback(stop_stack, home)
        with Progress("Orrery: from raw files to a model in production, and back", stages) as progress:
            stack, panel = _prepare(options, home, progress)
            try:
                report = Demo(options, stack, progress).run(panel)
            except StackError:
                check_stack(stack)  # A component that has died explains more than who missed it.
                raise
        write_report(home.path / "demo" / "report.json", report)
        mark_finished(home)
        if not options.is_exiting:
            cleanup.pop_all()
            release_stack(home)
    print_summary(report, None if options.is_exiting else stack)
    return 1 if report["shortcomings"] else 0


def _prepare(options: DemoOptions, home: StackHome, progress: Progress) -> tuple[Stack, PanelSummary]:
    with progress.run("write_sources") as stage:
        today = datetime.now(ZoneInfo(load_settings().sources.time_zone)).date()
        panel = write_shop_sources(home.sources, today, options.days, options.households)
        lines = panel.rows["transactions"]
        progress.tell(stage, f"{lines:,} transaction lines, shifted by {panel.shift_days // 7} weeks to end today")
    with progress.run("start_stack") as stage:
        stack = start_stack(home, lambda step: progress.tell(stage, f"{step.component}: {step.state}"), is_leashed=True)
        progress.tell(stage, "every component is healthy")
    return stack, panel


class Demo:
    """One run of the demo against a running stack."""

    def __init__(self, options: DemoOptions, stack: Stack, progress: Progress) -> None:
        self.options = options
        self.stack = stack
        self.progress = progress
        self.admin = self._login("admin")
        self.follower = Follower(self.admin, partial(check_stack, stack))
        self.settings = load_settings()
        self.traffic = Traffic(stack.uris.model_server, stack.uris.warehouse)
        self._asked_at: float | None = None
        self._is_trainer_refused = False

    def run(self, panel: PanelSummary) -> dict[str, Any]:
        """History, the first model, then the replayed days; returns the report."""
        self.admin.wait_for_dags(HOPS)
        began_at = now()
        self._ingest("ingest_sources", panel.first_day, panel.history_to)
        self._follow("build_features", began_at)
        self._follow("train_candidates", began_at, meant_by="assemble_training_set", must_run="register")
        with self.traffic:
            self._follow("deploy_model", began_at, must_run="promote", on_poll=self._answer_approval)
        self._follow("score_batch", began_at, meant_by="score")
        self._follow("monitor_model", began_at)
        for number, day in enumerate(panel.replay_days, start=1):
            self._replay(f"replay_day_{number}", day)
        return self._report()

    def _ingest(self, stage_name: str, first: date, last: date) -> None:
        with self.progress.run(stage_name) as stage:
            began_at = now()
            self.follower.trigger("ingest_sources", {"from_day": first.isoformat(), "to_day": last.isoformat()})
            self.follower.wait("ingest_sources", self._teller(stage), after=began_at)

    def _follow(
        self,
        dag_id: str,
        after: datetime,
        meant_by: str | None = None,
        must_run: str | None = None,
        on_poll: Callable[[str], None] | None = None,
    ) -> None:
        with self.progress.run(dag_id) as stage:
            self.follower.wait(
                dag_id, self._teller(stage), after=after, meant_by=meant_by, must_run=must_run, on_poll=on_poll
            )

    def _replay(self, stage_name: str, day: date) -> None:
        with self.progress.run(stage_name) as stage:
            began_at = now()
            self.follower.trigger("ingest_sources", {"from_day": day.isoformat(), "to_day": day.isoformat()})
            for dag_id in ("ingest_sources", "build_features", "score_batch", "monitor_model"):
                tell = self._teller(stage, f"{day} {dag_id}: ")
                meant_by = "score" if dag_id == "score_batch" else None
                self.follower.wait(dag_id, tell, after=began_at, meant_by=meant_by)
            self.progress.tell(stage, f"{day}: ingested, featurised, scored, monitored")

    def _answer_approval(self, run_id: str) -> None:
        """Answer what is asked: the trainer tries first and is refused, then somebody else says yes.

        A question that comes back, because its task was tried again, is answered again.
        """
        waiting = self.admin.find_waiting_approval("deploy_model", run_id, "approve")
        if waiting is None or waiting["task_instance"]["state"] != "awaiting_input":
            self._asked_at = None
            return
        self._asked_at = self._asked_at or time.monotonic()
        # Airflow loses an answer that comes while the worker that asked is still ending.
        if time.monotonic() < self._asked_at + PERSON_READS_S:
            return
        if not self._is_trainer_refused:
            self._is_trainer_refused = self._is_refused(self.settings.training.trainer, run_id)
        self._login(APPROVER).answer_approval("deploy_model", run_id, "approve")
        self._asked_at = None

    def _is_refused(self, user: str, run_id: str) -> bool:
        """Whether Airflow forbids a user to approve."""
        try:
            self._login(user).answer_approval("deploy_model", run_id, "approve")
        except StackError as error:
            return "status 403" in str(error)
        return False

    def _report(self) -> dict[str, Any]:
        runs = [
            {"dag_id": dag_id, "run_id": run["dag_run_id"], "state": run["state"]}
            for dag_id in HOPS
            for run in self.admin.list_runs(dag_id)
        ]
        self._wait_for_lineage()
        uris, name = self.stack.uris, self.settings.training.model_name
        report = build_report(uris.warehouse, uris.mlflow, name, self.progress.stages, runs)
        report["approval"]["is_trainer_refused"] = self._is_trainer_refused
        report["traffic"] = {"requests": self.traffic.requests, "failed": self.traffic.failed}
        report["shortcomings"] = find_shortcomings(report)
        return report

    def _wait_for_lineage(self) -> None:
        """Events of the last hop may still be on their way to the warehouse."""
        spool, deadline = Spool(self.stack.home.lineage_spool), time.monotonic() + LINEAGE_WAIT_S
        while spool.list_waiting(limit=1) and time.monotonic() < deadline:
            time.sleep(0.2)

    def _login(self, user: str) -> AirflowApi:
        return AirflowApi(self.stack.uris.airflow, user, self.stack.credentials.airflow_passwords[user])

    def _teller(self, stage: Stage, prefix: str = "") -> Callable[[str], None]:
        return lambda doing: self.progress.tell(stage, prefix + doing)
