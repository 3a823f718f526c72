"""Trials are in PostgreSQL: a worker that was killed goes on where it stopped, and two workers share one study."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import joblib  # type: ignore[import-untyped]
import pytest

from include.settings import PROJECT_ROOT
from include.settings.training import TrainingSettings
from include.training.search.studies import name_study, open_studies
from tests.model.machines import load_training, make_spec
from tests.unit.training.search.worker import main as search

LIMIT_S = 120


def start_worker(uri: str, name: str, trials: int, seconds: float) -> subprocess.Popen[bytes]:
    """A search in another process."""
    code = "import sys; from tests.unit.training.search.worker import main; " \
        "main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))"  # fmt: skip
    command = [sys.executable, "-c", code, uri, name, str(trials), str(seconds)]
    return subprocess.Popen(command, cwd=PROJECT_ROOT)


def read_trials(uri: str, name: str) -> list[Any]:
    """The trials of a study; none while there is no study."""
    import optuna

    with open_studies(uri) as storage:
        if name not in optuna.get_all_study_names(storage):
            return []
        return optuna.load_study(study_name=name, storage=storage).get_trials()


def wait_for(is_so: Callable[[], bool]) -> None:
    """Wait, within the limit, until something is so."""
    end = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.2)


def list_finished(trials: list[Any]) -> list[tuple[str, float | None, dict[str, Any]]]:
    """State, value and parameters of the trials that were finished."""
    return [(one.state.name, one.value, one.params) for one in trials if one.state.name in ("COMPLETE", "PRUNED")]


def test_a_killed_worker_goes_on_where_it_stopped(warehouse_uri: str) -> None:
    worker = start_worker(warehouse_uri, "killed", 10, 0.6)

    def is_amid_a_trial() -> bool:
        # One whose parameters are not stored yet is lost with its worker, and others are drawn in its place.
        trials = read_trials(warehouse_uri, "killed")
        return len(list_finished(trials)) >= 3 and any(one.state.name == "RUNNING" and one.params for one in trials)

    wait_for(is_amid_a_trial)
    worker.kill()
    worker.wait(LIMIT_S)
    before = list_finished(read_trials(warehouse_uri, "killed"))
    assert 3 <= len(before) < 10
    time.sleep(3)

    search(warehouse_uri, "killed", 10)

    after = list_finished(read_trials(warehouse_uri, "killed"))
    assert after[: len(before)] == before
    alone = search(None, "alone", 10)
    told = [(one["state"].upper(), one["parameters"]) for one in alone.trials]
    assert [(state, parameters) for state, _, parameters in after] == told


def test_a_study_whose_budget_is_spent_is_not_searched_again(warehouse_uri: str) -> None:
    first = search(warehouse_uri, "spent", 4)
    second = search(warehouse_uri, "spent", 4)
    assert len(first.trials) == 4
    assert second.trials == first.trials
    assert len(search(warehouse_uri, "spent", 6).trials) == 6


def test_two_workers_share_one_study(warehouse_uri: str) -> None:
    workers = [start_worker(warehouse_uri, "shared", 12, 0.5) for _ in range(2)]
    assert [worker.wait(LIMIT_S) for worker in workers] == [0, 0]
    trials = read_trials(warehouse_uri, "shared")
    finished = list_finished(trials)
    assert 12 <= len(finished) <= 13
    assert len({str(parameters) for _, _, parameters in finished}) == len(finished)
    spans = [(one.datetime_start, one.datetime_complete) for one in trials]
    assert any(a[0] < b[0] < a[1] for a in spans for b in spans), "no trial ran beside another"


def test_a_search_may_have_several_workers_of_its_own(warehouse_uri: str) -> None:
    found = search(warehouse_uri, "processes", 6, workers=2)
    assert 6 <= len(found.trials) <= 7
    # As threads of this process, where a trial can be slowed down.
    with joblib.parallel_config(backend="threading"):
        search(warehouse_uri, "workers", 12, 0.5, workers=2)
    trials = read_trials(warehouse_uri, "workers")
    assert 12 <= len(list_finished(trials)) <= 13
    spans = [(one.datetime_start, one.datetime_complete) for one in trials]
    assert any(a[0] < b[0] < a[1] for a in spans for b in spans), "no trial ran beside another"


def test_whatever_changes_a_score_gives_another_study() -> None:
    spec, usual = make_spec("binary"), load_training("binary", search={"method": "random"})

    def name(spec: Any = spec, settings: TrainingSettings = usual, **changed: Any) -> str:
        facts = {"family": "lightgbm", "feature_set": None, "features": ["a", "b"], "data_version": "1", **changed}
        return name_study(spec, settings=settings, **facts)

    def change(**values: Any) -> TrainingSettings:
        return load_training("binary", **{"search": {"method": "random"}, **values})

    lightgbm = usual.parameters.lightgbm.model_dump()
    leaves = {"lightgbm": {"num_leaves": {"low": 2, "high": 3}}}
    others = [
        name(replace(spec, name="others")), name(family="xgboost"), name(feature_set="basic"), name(features=["a"]),
        name(data_version="2"), name(settings=change(search={"method": "optuna"})),
        name(settings=change(search={"method": "random", "max_folds": 2})), name(settings=change(random_seed=5)),
        name(settings=change(search={"method": "random", "spaces": leaves})),
        name(settings=change(parameters={**usual.parameters.model_dump(), "lightgbm": {**lightgbm, "num_leaves": 5}})),
    ]  # fmt: skip
    assert len({name(), *others}) == len(others) + 1
    more = {"method": "random", "trials": 99, "workers": 4}
    assert name(settings=change(search=more)) == name() == name(features=["b", "a"])


@pytest.mark.parametrize("count", [2])
def test_the_tables_are_made_once_by_whoever_comes_first(warehouse_uri: str, count: int) -> None:
    workers = [start_worker(warehouse_uri, "first", 1, 0.0) for _ in range(count)]
    assert [worker.wait(LIMIT_S) for worker in workers] == [0] * count
