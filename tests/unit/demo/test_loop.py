"""The loop of two models, against a small server whose DAG runs follow one another as Airflow's do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from include.demo.loop import Loop
from include.demo.run import list_stages
from include.errors import StackError
from include.example.deliveries import Deliveries
from include.operate import hops as hops_module
from include.operate.hops import list_dags
from include.operate.place import Place
from include.operate.progress import Progress
from include.settings.models import ModelSettings
from tests.unit.operate.chains import Chains

DELIVERIES = Deliveries(date(2026, 3, 1), date(2026, 3, 7), (date(2026, 3, 8), date(2026, 3, 9)), {}, "a few rows")


@pytest.fixture
def airflow() -> Chains:
    """What the server will do."""
    return Chains()


@pytest.fixture
def loop(airflow_url: str, models: dict[str, ModelSettings], monkeypatch: pytest.MonkeyPatch) -> Iterator[Loop]:
    """The loop of both models against the server; the model server never gets ready."""
    place = Place(airflow_url, "http://127.0.0.1:1", "postgresql://nowhere", {"admin": "right", "approver": "right"})
    monkeypatch.setattr(hops_module, "read_entities", lambda *_: [{"machine_id": 1}])
    progress = Progress("demo", list_stages([*models], days=2), is_live=False)
    specs: Any = {name: SimpleNamespace() for name in models}
    loop = Loop(place, models, specs, progress)
    loop.hops.follower.poll_s = 0.005
    yield loop
    loop.hops.close()


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
    assert all(notes.failure is None and notes.requests == 0 for notes in loop.hops.notes.values())
    states = {(run["dag_id"], run["state"]) for run in loop.hops.list_runs()}
    assert states == {(dag_id, "success") for dag_id in list_dags(["failures", "units"])}


def test_a_model_that_fails_is_left_behind_and_the_other_goes_on(loop: Loop, airflow: Chains) -> None:
    airflow.fails = {"failures.train_candidates"}
    loop.run(DELIVERIES)
    states = read_states(loop)
    assert states["failures.train_candidates"] == "failed"
    assert states["failures.deploy_model"] == states["failures.replay_day_1"] == "waiting"
    assert {state for name, state in states.items() if not name.startswith("failures.")} == {"done"}
    assert loop.hops.notes["units"].failure is None
    assert "failures.train_candidates failed" in str(loop.hops.notes["failures"].failure)
    assert "the log says why" in str(loop.hops.notes["failures"].failure)


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
    for known in (loop.models, loop.hops.notes):
        del known["failures"]  # type: ignore[attr-defined]
    loop.run(DELIVERIES)
    assert read_states(loop)["units.replay_day_2"] == "done"
