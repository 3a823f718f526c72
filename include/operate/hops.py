"""The hops of the loop, each followed live as a chain; the hops of all models side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from include.commands.airflow_api import AirflowApi
from include.errors import StackError
from include.operate.follow import Chain, FinishedRun, Follower, Tell
from include.operate.traffic import Traffic, read_entities

if TYPE_CHECKING:
    from include.features.spec import ModelSpec
    from include.operate.approval import ApprovalDesk
    from include.operate.place import Place
    from include.operate.progress import Progress, Stage
    from include.settings.models import ModelSettings

SHARED_HOPS: Final = ("ingest_sources", "build_features")
MODEL_HOPS: Final = ("train_candidates", "deploy_model", "score_batch", "monitor_model")
NO_LOGS: Final = Path("/nonexistent")
TRAFFIC_RATE: Final = 120.0
MIN_TRAFFIC_RATE: Final = 30.0

Follow = Generator[None, None, FinishedRun]
TellEnd = Callable[[FinishedRun], str | None]
Built = Generator[None, None, FinishedRun | None]


def list_dags(models: Sequence[str]) -> list[str]:
    """The DAGs that the loop goes through."""
    return [*SHARED_HOPS, *(f"{name}.{hop}" for name in models for hop in MODEL_HOPS)]


@dataclass
class ModelNotes:
    """What no store knows: how the people and clients of one model fared.

    Attributes:
        is_trainer_refused: whether the trainer's own approval was refused; None when it was not tried.
        requests: sent during the rollout; None when there was none.
        failed: requests without a good answer.
        refused: why the gates refused the newest candidate; nothing when they did not.
        failure: why the model's loop ended early; None when it did not.
    """

    is_trainer_refused: bool | None = None
    requests: int | None = None
    failed: int = 0
    refused: tuple[str, ...] = ()
    failure: str | None = None


class Hops:
    """The hops of a running project's DAGs.

    A model whose chain fails is noted and left behind; the others go on.
    """

    def __init__(self, place: Place, models: Mapping[str, ModelSettings], specs: Mapping[str, ModelSpec],
                 progress: Progress) -> None:  # fmt: skip
        self.place = place
        self.models = models
        self.specs = specs
        self.progress = progress
        self.notes = {name: ModelNotes() for name in models}
        self._logins: dict[str, AirflowApi] = {}
        self.follower = Follower(self.login(place.user), place.logs or NO_LOGS, place.check)

    def login(self, user: str) -> AirflowApi:
        """Airflow as one of its users."""
        if user not in self._logins:
            self._logins[user] = AirflowApi(self.place.airflow, user, self.place.passwords[user])
        return self._logins[user]

    def close(self) -> None:
        """Close the connections to Airflow."""
        for api in self._logins.values():
            api.close()

    def wait_for_dags(self, tell: Tell) -> None:
        """Wait until Airflow has read every DAG of the loop."""
        self.follower.drive_one(self.follower.wait_for_dags(list_dags([*self.models]), tell))

    def list_runs(self) -> list[dict[str, Any]]:
        """Every run of the loop's DAGs."""
        known = set(list_dags([*self.models]))
        return [
            {"dag_id": run["dag_id"], "run_id": run["dag_run_id"], "state": run["state"]}
            for run in self.follower.runs
            if run["dag_id"] in known
        ]

    def list_left(self) -> list[str]:
        """The models that no failure has stopped."""
        return [name for name, notes in self.notes.items() if notes.failure is None]

    def drive_models(self, chains: Mapping[str, Chain]) -> None:
        """Let the chains of several models go on side by side to their ends.

        Raises:
            StackError: every model has failed, or the stack cannot go on.
        """
        failures = self.follower.drive(chains)
        for name, error in failures.items():
            self.notes[name].failure = str(error)
        if not self.list_left():
            raise StackError(_join_failures({name: notes.failure for name, notes in self.notes.items()}))

    def ingest(self, name: str, first: date, last: date, tell: Tell) -> Generator[None, None, datetime]:
        """Load the deliveries of these days; when they were published.

        Args:
            name: the beginning of the run's id.

        Raises:
            StackError: there was nothing to publish.
        """
        run_id = f"{name}__{int(time.time())}"
        window = {"from_day": first.isoformat(), "to_day": last.isoformat()}
        yield from self.follower.trigger("ingest_sources", window, run_id)
        run = yield from self.follower.wait("ingest_sources", tell, run_id=run_id)
        if (published_at := run.find_end("publish")) is None:
            raise StackError(
                f"ingest_sources published nothing of {first} … {last} (run {run_id}): no source has a delivery of "
                "these days. Look at the log of its task plan; where the deliveries are stands in "
                "include/config/sources.yml."
            )
        return published_at

    def build(self, after: datetime, tell: Tell) -> Built:
        """The build of what was published after a moment; None when there was nothing to build.

        The hourly look may come first, and build it; one that has nothing to do is passed over.
        """
        while True:
            run = yield from self.follower.wait("build_features", tell, after=after)
            if run.has_run("publish_*"):
                return run
            if run.kind == "asset_triggered":
                return None

    def follow(self, name: str, hop: str, after: datetime | None = None, *, tell_end: TellEnd | None = None,
               **conditions: Any) -> Follow:  # fmt: skip
        """One hop of a model, shown as its stage.

        Args:
            tell_end: what to say of the run at its end; None for what was said last.
        """
        with self.progress.run(f"{name}.{hop}") as stage:
            run = yield from self.follower.wait(f"{name}.{hop}", self.teller(stage), after=after, **conditions)
            if tell_end is not None and (told := tell_end(run)):
                self.progress.tell(stage, told)
            return run

    def deploy(self, name: str, desk: ApprovalDesk, after: datetime | None = None, **conditions: Any) -> Follow:
        """The deployment of a model, with requests of clients where the model server is known."""
        traffic, notes = self._open_traffic(name), self.notes[name]
        try:
            with traffic or nullcontext():
                return (yield from self.follow(name, "deploy_model", after, on_look=desk.look, **conditions))
        finally:
            if traffic is not None:
                notes.requests, notes.failed = traffic.requests, traffic.failed
                if traffic.refusal is not None:
                    self.progress.note(traffic.refusal)

    def _open_traffic(self, name: str) -> Traffic | None:
        is_judged = self.models[name].rollout.strategy != "none"
        if not is_judged or self.place.model_server is None or self.place.warehouse is None:
            return None
        rate = max(MIN_TRAFFIC_RATE, TRAFFIC_RATE / len(self.models))
        return Traffic(self.place.model_server, name, read_entities(self.place.warehouse, self.specs[name]), rate)

    def teller(self, stage: Stage, prefix: str = "") -> Tell:
        """What shows the progress of a stage."""
        return lambda doing: self.progress.tell(stage, f"{prefix}{doing}")


def _join_failures(failures: Mapping[str, str | None]) -> str:
    texts = [f"{name}: {text}" for name, text in failures.items()]
    return "No model reached the end of its loop.\n" + "\n".join(texts)
