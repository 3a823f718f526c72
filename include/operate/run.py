"""``make run``: days are loaded, and what they set off is followed live, for each model up to its monitoring."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

from include.commands.console import list_some, say
from include.errors import StackError
from include.operate.approval import ApprovalDesk, TerminalDesk, WaitingDesk, find_approver
from include.operate.days import find_days
from include.operate.follow import Chain, FinishedRun, RunFailedError
from include.operate.hops import MODEL_HOPS, SHARED_HOPS, Hops
from include.operate.model_report import EVER, read_time, report_model
from include.operate.model_summary import describe_model
from include.operate.models import choose_models
from include.operate.place import (
    DBT_TARGET_VARIABLE,
    WAREHOUSE_VARIABLE,
    Place,
    find_local_stack,
    find_place,
)
from include.operate.progress import Progress, Stage
from include.settings import load_settings
from include.settings.sources import sources_root

if TYPE_CHECKING:
    from include.settings.models import ModelSettings

RUN: Final = "make_run"
_AGAIN: Final = "Airflow goes on by itself. The same command follows it again, and loads nothing twice."

Found = Generator[None, None, "FinishedRun | None"]


@dataclass(frozen=True)
class RunChoices:
    """What a person has asked for.

    Attributes:
        is_training: also where no training is due.
        is_approving: without asking anybody.
    """

    is_training: bool = False
    is_approving: bool = False


def run_days(options: argparse.Namespace) -> int:
    """Load the days and follow them; 1 if a model's loop ended with an error.

    Raises:
        SettingsError: a model that is asked for is not declared, or its file is wrong.
        SourceError: the days are not known, or end before they begin.
        StackError: no project runs here and none is named, or a hop that all models share failed.
        WarehouseError: the warehouse is away.
    """
    settings, stack = load_settings(), find_local_stack(options.home)
    root = sources_root(settings.sources)
    if stack is not None:
        from include.local.environment import find_sources_folder

        os.environ.setdefault(DBT_TARGET_VARIABLE, str(stack.home.dbt_target))
        root = find_sources_folder(stack.home, os.environ)
    place = find_place(options.airflow, options.server, options.user, stack)
    if options.no_traffic:
        place = replace(place, model_server=None)
    models, specs = choose_models(settings, options.model, say)
    first, last = find_days(settings.sources, root, options.from_day, options.to_day)
    choices = RunChoices(options.train, options.approve)
    check_approvers(models, place, choices)
    if warning := warn_of_waiting(models, choices):
        say(warning)
    since = read_time(place.warehouse) if place.warehouse else EVER
    with Progress(f"Orrery: {first} to {last}", list_stages([*models])) as progress:
        hops = Hops(place, models, specs, progress)
        try:
            DayRun(hops, choices).run(first, last)
        except KeyboardInterrupt:
            progress.note(_AGAIN)
            raise
        finally:
            hops.close()
    for line in describe_run(hops, since):
        say(line)
    return 1 if len(hops.list_left()) < len(models) else 0


def check_approvers(models: Mapping[str, ModelSettings], place: Place, choices: RunChoices) -> None:
    """Refuse what could not be answered, before anything is started.

    Raises:
        StackError: approvals are to be given, and no approver of a model is a user whose password is known.
    """
    if choices.is_approving:
        for model in models.values():
            find_approver(model, place.passwords)


def warn_of_waiting(models: Mapping[str, ModelSettings], choices: RunChoices) -> str | None:
    """That candidates will wait for a person, where nobody is here who could answer; said before anything starts."""
    asking = [name for name, model in models.items() if model.governance.is_approval_required]
    if choices.is_approving or is_person_here() or not asking:
        return None
    return (
        f"Nobody is at this terminal: a new version of {list_some(asking)} waits in Airflow's UI for an approver. "
        'ARGS="--approve" approves without asking anybody.'
    )


def is_person_here() -> bool:
    """Whether somebody can read and type."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def list_stages(models: Sequence[str]) -> list[Stage]:
    """The lines of the display: what is shared, and the hops of each model."""
    stages = [Stage(hop, hop) for hop in SHARED_HOPS]
    return stages + [Stage(f"{name}.{hop}", f"{name}.{hop}", name) for name in models for hop in MODEL_HOPS]


class DayRun:
    """What the days set off, all models side by side."""

    def __init__(self, hops: Hops, choices: RunChoices) -> None:
        self.hops = hops
        self.choices = choices
        self.progress = hops.progress
        self.follower = hops.follower
        self.follower.is_patient_with_people = True

    def run(self, first: date, last: date) -> None:
        """Load, build, and follow each model.

        Raises:
            StackError: a hop that all models share failed, or every model did, or the stack cannot go on.
        """
        built: list[FinishedRun | None] = []
        self.follower.drive_one(self._build(first, last, built))
        self.hops.drive_models({name: self._follow_model(name, built[0]) for name in self.hops.models})

    def _build(self, first: date, last: date, built: list[FinishedRun | None]) -> Chain:
        with self.progress.run("ingest_sources") as stage:
            published_at = yield from self.hops.ingest(RUN, first, last, self.hops.teller(stage))
        with self.progress.run("build_features") as stage:
            run = yield from self.hops.build(published_at, self.hops.teller(stage))
            if run is None:
                self.progress.tell(stage, "nothing has changed since the last build")
        built.append(run)

    def _follow_model(self, name: str, built: FinishedRun | None) -> Chain:
        """Training where it is due, deployment where there is a candidate, scores, monitoring."""
        built_at = built.began_at if built else None
        trained = yield from self._train(name, built_at)
        deployed = yield from self._deploy(name, trained)
        if deployed is not None and deployed.has_run("promote"):
            scored = yield from self.hops.follow(name, "score_batch", deployed.began_at, meant_by="score")
        elif built_at is not None:
            scored = yield from self.hops.follow(name, "score_batch", built_at, tell_end=describe_scoring)
        else:
            self._skip(name, ("score_batch", "monitor_model"), "nothing new")
            return
        if scored.has_run("score"):
            yield from self.hops.follow(name, "monitor_model", scored.began_at)
        else:
            self._skip(name, ("monitor_model",), "nothing new")

    def _train(self, name: str, built_at: datetime | None) -> Found:
        """The run that the build has set off, or one that is under way, or one that is asked for."""
        dag_id, run_id = f"{name}.train_candidates", None
        if built_at is None:
            run_id = self.follower.find_open(dag_id)
        if built_at is None and run_id is None and not self.choices.is_training:
            self._skip(name, ("train_candidates",), 'nothing new (ARGS="--train" trains all the same)')
            return None
        if built_at is not None or run_id is not None:
            run = yield from self._follow_training(name, after=built_at, run_id=run_id)
            if run.has_run("assemble_training_set") or not self.choices.is_training:
                return run
        run_id = f"{RUN}__{datetime.now().astimezone():%Y-%m-%dT%H%M%S}"
        yield from self.follower.trigger(dag_id, {"force": True}, run_id)
        return (yield from self._follow_training(name, run_id=run_id))

    def _follow_training(self, name: str, **conditions: Any) -> Generator[None, None, FinishedRun]:
        def describe(run: FinishedRun) -> str | None:
            return self._describe_training(name, run)

        return (yield from self.hops.follow(name, "train_candidates", tell_end=describe, **conditions))

    def _describe_training(self, name: str, run: FinishedRun) -> str | None:
        if not run.has_run("assemble_training_set"):
            return 'no training is due, or the champion holds (ARGS="--train" trains all the same)'
        judged = self.hops.login(self.hops.place.user).read_xcom(f"{name}.train_candidates", run.run_id, "judge")
        for line in describe_failures(judged):
            self.progress.note(f"{name}: {line}")
        if run.has_run("register"):
            return None
        self.hops.notes[name].refused = tuple(judged["reasons"])
        return f"the gates refused the candidate: {'; '.join(judged['reasons'])}"

    def _deploy(self, name: str, trained: FinishedRun | None) -> Found:
        """The deployment of the new candidate, after those that were under way before it."""
        dag_id, deployed = f"{name}.deploy_model", None
        after = trained.began_at if trained is not None and trained.has_run("register") else None
        if self.choices.is_approving and (run_id := self.follower.find_open(dag_id, before=after)) is not None:
            raise StackError(
                f"{dag_id} has a run from before ({run_id}), and --approve answers only for what this one trains. "
                "Let it end first: answer it in Airflow's UI, or run this without --approve."
            )
        while (run_id := self.follower.find_open(dag_id, before=after)) is not None:
            deployed = yield from self._follow_deployment(name, run_id=run_id)
        if after is not None:
            return (yield from self._follow_deployment(name, after=after))
        if deployed is None:
            self._skip(name, ("deploy_model",), "no new candidate")
        return deployed

    def _follow_deployment(self, name: str, **conditions: Any) -> Found:
        desk = self._open_desk(self.hops.models[name])
        try:
            return (yield from self.hops.deploy(name, desk, tell_end=describe_deployment, **conditions))
        except RunFailedError as failed:
            if not failed.has_failed("record_approval"):
                raise
            # The run fails by a no, as it is meant to; the model goes on with the champion that it has.
            self.progress.note(f"{name}: the candidate was not approved; the champion is as it was.")
            return None

    def _open_desk(self, model: ModelSettings) -> ApprovalDesk:
        users = self.hops.place.passwords
        if self.choices.is_approving:
            return ApprovalDesk(model, self.hops.login, users)
        tell = self.progress.note
        if is_person_here() and can_approve(model, users):
            return TerminalDesk(model, self.hops.login, users, tell=tell, pause=self.progress.pause)
        return WaitingDesk(model, self.hops.login, users, tell=tell)

    def _skip(self, name: str, hops: Sequence[str], why: str) -> None:
        waiting = {stage.name for stage in self.progress.stages if stage.state == "waiting"}
        for hop in hops:
            if f"{name}.{hop}" in waiting:
                self.progress.skip(f"{name}.{hop}", why)


def can_approve(model: ModelSettings, users: Collection[str]) -> bool:
    """Whether an approver of the model is a user whose password is known here."""
    try:
        return find_approver(model, users) is not None
    except StackError:
        return False


def describe_failures(judged: Mapping[str, Any]) -> list[str]:
    """Which candidates could not be fitted, and how many were judged; nothing where all were."""
    failures, count = judged["failures"], len(judged["ranking"])
    if not failures:
        return []
    told = [f"{one['name']} could not be fitted: {one['reason']}" for one in failures]
    return [*told, f"{count} of {count + len(failures)} candidates were judged"]


def describe_scoring(run: FinishedRun) -> str | None:
    """What a run that scored nothing has to say."""
    return None if run.has_run("score") else "nothing to score: no champion yet, or no new as-of date"


def describe_deployment(run: FinishedRun) -> str:
    """Whether the candidate has become champion, in words."""
    if run.has_run("promote"):
        return "the candidate is champion"
    return "the candidate stays in staging: the champion is as it was"


def describe_run(hops: Hops, since: datetime) -> list[str]:
    """What happened to each model since a moment of the warehouse, from the stores where they are known."""
    warehouse = hops.place.warehouse
    lines = [""]
    for name, model in hops.models.items():
        lines.append(f"Model {name}")
        notes = hops.notes[name]
        if warehouse:
            lines += describe_model(report_model(warehouse, model, hops.progress.stages, notes, since))
        elif notes.failure:
            lines += ["it ended early:", notes.failure]
    if not warehouse:
        lines.append(f"Figures of a model are in the warehouse: set {WAREHOUSE_VARIABLE} for them.")
    return lines
