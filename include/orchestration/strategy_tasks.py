"""The tasks of ``deploy_model`` that watch a candidate: sensors, which hold no worker slot between two looks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from airflow.sdk import PokeReturnValue, get_current_context, task

from include.orchestration.connections import mlflow_uri, warehouse_uri
from include.orchestration.defaults import WATCHING
from include.orchestration.lineage import traced
from include.orchestration.strategy_choice import enter_run
from include.settings.models import ModelSettings

HELD_S: Final = 10.0
"""A canary that is looked at more often than this keeps its slot for so long at a time."""
FIRST: Final = "none_failed_min_one_success"
"""Of a task behind some that other strategies' runs skip; where all before it are skipped, it is, too."""

Watch = Callable[[dict[str, Any]], Any]
Look = Callable[[Any, int, bool], dict[str, Any] | None]
"""One look, by Airflow's context, the candidate's version, and whether the sensor has looked before."""


def watch_shadow(model: ModelSettings) -> Watch:
    """Give the candidate copies of the champion's questions and compare; nobody gets its answers."""

    def look(context: Any, version: int, is_later: bool) -> dict[str, Any] | None:
        from include.orchestration.strategies import watch_shadow

        chosen, run = enter_run(context, model, "shadow")
        return watch_shadow(warehouse_uri(), version, chosen, run, is_later=is_later)

    settings = model.rollout.shadow
    return _make_sensor("shadow", settings.poll_interval_s, settings.max_wait_s, "all_success", look)


def watch_canary_step(model: ModelSettings, weight: float) -> Watch:
    """Give the candidate a share of the traffic and judge what happens."""

    def look(context: Any, version: int, is_later: bool) -> dict[str, Any] | None:
        from include.orchestration.deployment import run_step

        chosen, run = enter_run(context, model, "canary", "shadow")
        return run_step(warehouse_uri(), mlflow_uri(), version, weight, chosen, HELD_S, run=run, is_later=is_later)

    criteria, name = model.rollout.canary.criteria, f"canary_{weight:.0%}".replace("%", "_percent")
    rule = choose_rule(model) if weight == model.rollout.canary.steps[0] else "all_success"
    return _make_sensor(name, criteria.poll_interval_s, criteria.max_wait_s, rule, look)


def watch_ab_test(model: ModelSettings) -> Watch:
    """Split entities between champion and candidate, and compare what came of the answers."""

    def look(context: Any, version: int, is_later: bool) -> dict[str, Any] | None:
        from include.orchestration.strategies import watch_ab_test

        chosen, run = enter_run(context, model, "ab_test")
        return watch_ab_test(warehouse_uri(), mlflow_uri(), version, chosen, run, is_later=is_later)

    settings = model.rollout.ab_test
    return _make_sensor("ab_test", settings.poll_interval_s, settings.duration_s, choose_rule(model), look)


def watch_switch(model: ModelSettings) -> Watch:
    """Give the candidate all traffic at once and watch; harm gives it back to the champion."""

    def look(context: Any, version: int, is_later: bool) -> dict[str, Any] | None:
        from include.orchestration.strategies import watch_switch

        chosen, run = enter_run(context, model, "blue_green")
        return watch_switch(warehouse_uri(), mlflow_uri(), version, chosen, HELD_S, run, is_later=is_later)

    poll_s, most_s = model.rollout.canary.criteria.poll_interval_s, model.rollout.blue_green.max_wait_s
    return _make_sensor("blue_green", poll_s, most_s, choose_rule(model), look)


def choose_rule(model: ModelSettings) -> str:
    """The trigger rule of a strategy's first task: without an approval it stands right behind the shadow."""
    return "all_success" if model.governance.is_approval_required else FIRST


def _make_sensor(task_id: str, poll_s: float, most_s: float, rule: str, look: Look) -> Watch:
    @traced
    def watch(candidate: dict[str, Any]) -> PokeReturnValue:
        """Look at the candidate once; between looks the task has no slot."""
        context = get_current_context()
        # Says that a warehouse that is away is waited for, and nothing else: what was begun stands in the events.
        is_later = context["ti"].get_first_reschedule_date(context) is not None
        done = look(context, candidate["version"], is_later)
        return PokeReturnValue(is_done=done is not None, xcom_value=done)

    options: dict[str, Any] = {
        "task_id": task_id, "mode": "reschedule", "poke_interval": poll_s, "timeout": 2 * most_s + 3600,
        "trigger_rule": rule, **WATCHING,
    }  # fmt: skip
    sensor: Watch = task.sensor(**options)(watch)
    return sensor
