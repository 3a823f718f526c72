"""The demo's loop against a running stack: the history, the first version of every declared model, then day by day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING

from include.demo.desk import DemoDesk
from include.errors import StackError
from include.operate.follow import Chain, Tell
from include.operate.hops import Hops

if TYPE_CHECKING:
    from include.example.deliveries import Deliveries
    from include.features.spec import ModelSpec
    from include.operate.place import Place
    from include.operate.progress import Progress
    from include.settings.models import ModelSettings


class Loop:
    """One run of the loop, all models side by side.

    A model whose chain fails is left behind; the others go on.
    """

    def __init__(self, place: Place, models: Mapping[str, ModelSettings], specs: Mapping[str, ModelSpec],
                 progress: Progress) -> None:  # fmt: skip
        self.hops = Hops(place, models, specs, progress)
        self.models = models
        self.progress = progress

    def run(self, deliveries: Deliveries) -> None:
        """Load the history, bring a version of each model to production, replay the days.

        Raises:
            StackError: a hop that all models share failed, or every model did, or the stack cannot go on.
        """
        built_at = self._load_history(deliveries.first_day, deliveries.history_to)
        self.hops.drive_models({name: self._develop(name, built_at) for name in self.models})
        for number, day in enumerate(deliveries.replay_days, start=1):
            self._replay(f"replay_day_{number}", day)
        follower = self.hops.follower
        dags = {f"{name}.{hop}" for name in self.hops.list_left() for hop in ("score_batch", "monitor_model")}
        follower.drive_one(follower.wait_until_over(dags))

    def _load_history(self, first: date, last: date) -> datetime:
        """Ingest the history and build features from it; when the building began."""
        with self.progress.run("ingest_sources") as stage:
            published_at = self._ingest("history", first, last, self.hops.teller(stage))
        with self.progress.run("build_features") as stage:
            return self._build(published_at, self.hops.teller(stage))

    def _ingest(self, name: str, first: date, last: date, tell: Tell) -> datetime:
        """Load some days; when they were published."""
        found: list[datetime] = []

        def load() -> Chain:
            found.append((yield from self.hops.ingest(f"demo__{name}", first, last, tell)))

        self.hops.follower.drive_one(load())
        return found[0]

    def _build(self, after: datetime, tell: Tell) -> datetime:
        """Wait for the build of what was published; when it began."""
        found: list[datetime] = []

        def wait() -> Chain:
            run = yield from self.hops.build(after, tell)
            if run is None:
                raise StackError("build_features had nothing to build. Look at its log in the Airflow UI.")
            found.append(run.began_at)

        self.hops.follower.drive_one(wait())
        return found[0]

    def _develop(self, name: str, built_at: datetime) -> Chain:
        """The first version of a model: trained, deployed under traffic, scored with, monitored."""
        hops = self.hops
        yield from hops.follow(name, "train_candidates", built_at, meant_by="assemble_training_set",
                               must_run="register")  # fmt: skip
        desk = DemoDesk(self.models[name], hops.login, hops.place.passwords)
        try:
            deployed = yield from hops.deploy(name, desk, built_at, must_run="promote")
        finally:
            hops.notes[name].is_trainer_refused = desk.is_trainer_refused
        scored = yield from hops.follow(name, "score_batch", deployed.began_at, meant_by="score")
        yield from hops.follow(name, "monitor_model", scored.began_at)

    def _replay(self, stage_name: str, day: date) -> None:
        with self.progress.run(stage_name) as stage:
            teller = self.hops.teller
            published_at = self._ingest(stage_name, day, day, teller(stage, f"{day} ingest_sources: "))
            built_at = self._build(published_at, teller(stage, f"{day} build_features: "))
            chains = {name: self._replay_model(name, stage_name, built_at) for name in self.hops.list_left()}
            self.progress.tell(stage, f"{day} {', '.join(chains)}")
            self.hops.drive_models(chains)
            self.progress.tell(stage, f"{day}: ingested, featurised, scored, monitored")

    def _replay_model(self, name: str, stage_name: str, built_at: datetime) -> Chain:
        """One more day of a model; without anything new to score, monitoring has nothing to follow."""
        with self.progress.run(f"{name}.{stage_name}") as stage:
            follower, teller = self.hops.follower, self.hops.teller
            scored = yield from follower.wait(f"{name}.score_batch", teller(stage, "score_batch: "), after=built_at)
            if not scored.has_run("score"):
                self.progress.tell(stage, "nothing new to score")
                return
            yield from follower.wait(f"{name}.monitor_model", teller(stage, "monitor_model: "), after=scored.began_at)
