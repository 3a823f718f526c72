"""Which strategy a run takes, and what its tasks do with the outcome."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from include.errors import RolloutError, SettingsError, WarehouseError
from include.rollout.runs import DeploymentRun
from include.rollout.state import bootstrap_champion, require_rollout
from include.servers.ports import find_free_port
from include.settings import load_settings
from include.settings.models import ModelSettings
from include.warehouse.session import open_session
from tests.unit.settings.conftest import WriteModel, config_dir, write_model

__all__ = ["config_dir", "write_model"]

pytestmark = pytest.mark.usefixtures("airflow_home")

RUN = DeploymentRun("scheduled__1", "shadow")


def make_model(config_dir: Path, write_model: WriteModel, **rollout: Any) -> ModelSettings:
    """A model of this test's own."""
    write_model("wear", rollout=rollout)
    return load_settings(config_dir, "development").models["wear"]


@pytest.fixture
def model(config_dir: Path, write_model: WriteModel) -> ModelSettings:
    """A model whose shadow test is over at the first look after its time."""
    return make_model(config_dir, write_model, strategy="shadow", shadow={"max_wait_s": 0.001, "poll_interval_s": 0.01})


def make_context(strategy: str | None = None, max_tries: int = 2, retries: int = 2) -> dict[str, Any]:
    """The part of Airflow's context that a strategy looks at."""
    return {
        "params": {"strategy": strategy},
        "ti": SimpleNamespace(max_tries=max_tries, task=SimpleNamespace(retries=retries)),
        "dag_run": SimpleNamespace(run_id="scheduled__1"),
    }


@pytest.mark.parametrize(("asked", "taken"), [(None, "shadow"), ("canary", "canary")])
def test_a_run_takes_the_strategy_that_it_is_asked_for_else_the_models(
    model: ModelSettings, asked: str | None, taken: str
) -> None:
    from include.orchestration.strategy_choice import STRATEGIES, enter_run

    chosen, run = enter_run(make_context(asked), model, *STRATEGIES)
    assert (chosen.rollout.strategy, run.strategy) == (taken, taken)


@pytest.mark.parametrize("asked", ["none", "canray"])
def test_a_run_cannot_take_what_the_model_does_not_allow(model: ModelSettings, asked: str) -> None:
    from include.orchestration.strategy_choice import STRATEGIES, enter_run

    with pytest.raises(SettingsError, match=f"cannot take the strategy '{asked}'"):
        enter_run(make_context(asked), model, *STRATEGIES)


def test_a_model_without_a_canary_may_have_one_in_one_run(config_dir: Path, write_model: WriteModel) -> None:
    from include.orchestration.strategy_choice import list_strategies

    assert set(list_strategies(make_model(config_dir, write_model, strategy="none"))) > {"none", "canary", "shadow"}


def test_a_task_of_another_strategy_is_skipped(model: ModelSettings) -> None:
    from airflow.sdk.exceptions import AirflowSkipException

    from include.orchestration.strategy_choice import enter_run

    with pytest.raises(AirflowSkipException, match="takes the strategy 'canary'"):
        enter_run(make_context("canary"), model, "shadow")


@pytest.mark.parametrize(
    ("max_tries", "before"), [(2, 0), (3, 1), (5, 3), (1, 0)], ids=["retries", "cleared", "twice", "fewer allowed now"]
)
def test_clearing_a_task_is_told_from_its_retries(model: ModelSettings, max_tries: int, before: int) -> None:
    from include.orchestration.strategy_choice import STRATEGIES, enter_run

    run = enter_run(make_context(max_tries=max_tries), model, *STRATEGIES)[1]
    assert run == DeploymentRun("scheduled__1", "shadow", before)


@pytest.mark.parametrize("follows", ["proceed", "refuse"])
def test_too_little_traffic_goes_on_with_a_warning_or_stops_by_the_settings(
    warehouse_uri: str, model: ModelSettings, follows: str
) -> None:
    from include.orchestration.strategies import watch_shadow

    with open_session(warehouse_uri) as session:
        bootstrap_champion(session, "wear", 1)
    shadow = model.rollout.shadow.model_copy(update={"when_inconclusive": follows})
    changed = model.model_copy(update={"rollout": model.rollout.model_copy(update={"shadow": shadow})})
    assert watch_shadow(warehouse_uri, 2, changed, RUN) is None
    if follows == "refuse":
        with pytest.raises(RolloutError, match="stays out of production: its shadow test says inconclusive"):
            watch_shadow(warehouse_uri, 2, changed, RUN)
    else:
        done = watch_shadow(warehouse_uri, 2, changed, RUN)
        assert done is not None
        assert "**Warning.** The shadow test is inconclusive: entities: 0 entities" in done["summary"]
        assert "| entities | NO | 0 | 50 |" in done["summary"]
    with open_session(warehouse_uri) as session:
        assert require_rollout(session, "wear").stage == "idle"


def test_a_warehouse_that_is_away_is_waited_for_once_the_test_is_watched(model: ModelSettings) -> None:
    from include.orchestration.strategies import watch_shadow

    away = f"postgresql://postgres@127.0.0.1:{find_free_port()}/warehouse"
    assert watch_shadow(away, 2, model, RUN, is_later=True) is None
    with pytest.raises(WarehouseError, match="cannot be reached"):
        watch_shadow(away, 2, model, RUN)
