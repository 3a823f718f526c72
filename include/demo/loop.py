"""The loop of every declared model against a running stack: the history, the first version, then day by day."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from include.commands.airflow_api import AirflowApi
from include.demo.approve import ApprovalDesk
from include.demo.follow import Chain, FinishedRun, Follower, Tell, now
from include.demo.model_report import ModelNotes
from include.errors import StackError
from include.example.traffic import Traffic, read_entities
from include.local.status import check_stack

if TYPE_CHECKING:
    from include.demo.progress import Progress, Stage
    from include.example.deliveries import Deliveries
    from include.features.spec import ModelSpec
    from include.local.stack import Stack
    from include.settings.models import ModelSettings

SHARED_HOPS: Final = ("ingest_sources", "build_features")
MODEL_HOPS: Final = ("train_candidates", "deploy_model", "score_batch", "monitor_model")
TRAFFIC_RATE: Final = 120.0
MIN_TRAFFIC_RATE: Final = 30.0

Follow = Generator[None, None, FinishedRun]


def list_dags(models: Sequence[str]) -> list[str]:
    """The DAGs that the loop goes through."""
    return [*SHARED_HOPS, *(f"{name}.{hop}" for name in models for hop in MODEL_HOPS)]


class Loop:
    """One run of the loop, all models side by side.

    A model whose chain fails is left behind; the others go on.
    """

    def __init__(self, stack: Stack, models: Mapping[str, ModelSettings], specs: Mapping[str, ModelSpec],
                 progress: Progress) -> None:  # fmt: skip
        self.stack = stack
        self.models = models
        self.specs = specs
        self.progress = progress
        self.notes = {name: ModelNotes() for name in models}
        self._logins: dict[str, AirflowApi] = {}
        logs = stack.home.airflow / "logs"
        self.follower = Follower(self.login("admin"), logs, partial(check_stack, stack))

    def login(self, user: str) -> AirflowApi:
        """Airflow as one of the stack's users."""
        if user not in self._logins:
            password = self.stack.credentials.airflow_passwords[user]
            self._logins[user] = AirflowApi(self.stack.uris.airflow, user, password)
        return self._logins[user]

    def close(self) -> None:
        """Close the connections to Airflow."""
        for api in self._logins.values():
            api.close()

    def wait_for_dags(self, tell: Tell) -> None:
        """Wait until Airflow has read every DAG of the loop."""
        self.follower.drive_one(self.follower.wait_for_dags(list_dags([*self.models]), tell))

    def run(self, deliveries: Deliveries) -> None:
        """Load the history, bring a version of each model to production, replay the days.

        Raises:
            StackError: a hop that all models share failed, or every model did, or the stack cannot go on.
        """
        built_at = self._load_history(deliveries.first_day, deliveries.history_to)
        self._drive_models({name: self._develop(name, built_at) for name in self.models})
        for number, day in enumerate(deliveries.replay_days, start=1):
            self._replay(f"replay_day_{number}", day)
        dags = {f"{name}.{hop}" for name in self._list_left() for hop in ("score_batch", "monitor_model")}
        self.follower.drive_one(self.follower.wait_until_over(dags))

    def list_runs(self) -> list[dict[str, Any]]:
        """Every run of the loop's DAGs."""
        known = set(list_dags([*self.models]))
        return [
            {"dag_id": run["dag_id"], "run_id": run["dag_run_id"], "state": run["state"]}
            for run in self.follower.runs
            if run["dag_id"] in known
        ]

    def _list_left(self) -> list[str]:
        return [name for name, notes in self.notes.items() if notes.failure is None]

    def _load_history(self, first: date, last: date) -> datetime:
        """Ingest the history and build features from it; when the building began."""
        with self.progress.run("ingest_sources") as stage:
            self.follower.drive_one(self._ingest("history", first, last, self._teller(stage)))
        with self.progress.run("build_features") as stage:
            return self._wait_for_features(self._ingested_at, self._teller(stage))

    def _ingest(self, name: str, first: date, last: date, tell: Tell) -> Chain:
        run_id = f"demo__{name}__{int(time.time())}"
        window = {"from_day": first.isoformat(), "to_day": last.isoformat()}
        self._ingested_at = now()
        yield from self.follower.trigger("ingest_sources", window, run_id)
        yield from self.follower.wait("ingest_sources", tell, run_id=run_id)

    def _wait_for_features(self, after: datetime, tell: Tell) -> datetime:
        found: list[datetime] = []

        def wait() -> Chain:
            run = yield from self.follower.wait("build_features", tell, after=after, meant_by="publish_*")
            found.append(run.began_at)

        self.follower.drive_one(wait())
        return found[0]

    def _drive_models(self, chains: Mapping[str, Chain]) -> None:
        failures = self.follower.drive(chains)
        for name, error in failures.items():
            self.notes[name].failure = str(error)
        if not self._list_left():
            raise StackError(_join_failures({name: notes.failure for name, notes in self.notes.items()}))

    def _develop(self, name: str, built_at: datetime) -> Chain:
        """The first version of a model: trained, deployed under traffic, scored with, monitored."""
        yield from self._follow(name, "train_candidates", built_at, meant_by="assemble_training_set",
                                must_run="register")  # fmt: skip
        deployed = yield from self._deploy(name, built_at)
        scored = yield from self._follow(name, "score_batch", deployed.began_at, meant_by="score")
        yield from self._follow(name, "monitor_model", scored.began_at)

    def _deploy(self, name: str, after: datetime) -> Follow:
        desk = ApprovalDesk(self.models[name], self.login, self.stack.credentials.airflow_passwords)
        entities = read_entities(self.stack.uris.warehouse, self.specs[name])
        rate = max(MIN_TRAFFIC_RATE, TRAFFIC_RATE / len(self.models))
        traffic = Traffic(self.stack.uris.model_server, name, entities, rate)
        notes = self.notes[name]
        try:
            with traffic:
                return (yield from self._follow(name, "deploy_model", after, must_run="promote", on_look=desk.look))
        finally:
            notes.is_trainer_refused = desk.is_trainer_refused
            notes.requests, notes.failed = traffic.requests, traffic.failed

    def _follow(self, name: str, hop: str, after: datetime, **conditions: Any) -> Follow:
        with self.progress.run(f"{name}.{hop}") as stage:
            return (yield from self.follower.wait(f"{name}.{hop}", self._teller(stage), after=after, **conditions))

    def _replay(self, stage_name: str, day: date) -> None:
        with self.progress.run(stage_name) as stage:
            self.follower.drive_one(self._ingest(stage_name, day, day, self._teller(stage, f"{day} ingest_sources: ")))
            built_at = self._wait_for_features(self._ingested_at, self._teller(stage, f"{day} build_features: "))
            chains = {name: self._replay_model(name, stage_name, built_at) for name in self._list_left()}
            self.progress.tell(stage, f"{day} {', '.join(chains)}")
            self._drive_models(chains)
            self.progress.tell(stage, f"{day}: ingested, featurised, scored, monitored")

    def _replay_model(self, name: str, stage_name: str, built_at: datetime) -> Chain:
        """One more day of a model; without anything new to score, monitoring has nothing to follow."""
        with self.progress.run(f"{name}.{stage_name}") as stage:
            tell = self._teller(stage, "score_batch: ")
            scored = yield from self.follower.wait(f"{name}.score_batch", tell, after=built_at)
            if not scored.has_run("score"):
                self.progress.tell(stage, "nothing new to score")
                return
            tell = self._teller(stage, "monitor_model: ")
            yield from self.follower.wait(f"{name}.monitor_model", tell, after=scored.began_at)

    def _teller(self, stage: Stage, prefix: str = "") -> Tell:
        return lambda doing: self.progress.tell(stage, prefix + doing)


def _join_failures(failures: Mapping[str, str | None]) -> str:
    texts = [f"{name}: {text}" for name, text in failures.items()]
    return "No model reached the end of its loop.\n" + "\n".join(texts)
