"""``make rollback``: an earlier champion answers again.

Without a version, that is the present champion while a challenger has traffic, a part or all; else the one before.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, Final

from include.commands.airflow_api import AirflowApi
from include.commands.console import say
from include.errors import StackError
from include.operate.place import Place, find_local_stack, find_place
from include.rollout.events import read_former_champions
from include.rollout.state import read_rollout
from include.settings import load_settings
from include.warehouse.session import open_session

if TYPE_CHECKING:
    from include.settings.models import ModelSettings

TASK: Final = "restore"
REASON_LENGTH: Final = 3


def roll_back(options: argparse.Namespace) -> int:
    """Start ``MODEL.rollback_model`` and wait for its end; 1 if it was refused.

    Raises:
        SettingsError: the model is not declared.
        StackError: no project runs here and none is named, no model or no reason is given, or no version to go back to.
        WarehouseError: the warehouse is away.
    """
    model = _choose_model(options.model)
    if len((options.reason or "").strip()) < REASON_LENGTH:
        raise StackError('Say why: make rollback MODEL=… REASON="what went wrong". It is kept with the event.')
    place = find_place(options.airflow, options.server, options.user, find_local_stack(options.home))
    version = options.version or find_previous(place, model.name)
    conf = {"version": version, "reason": options.reason.strip(), "override": options.override}
    return _run(place, f"{model.name}.rollback_model", conf)


def _choose_model(names: list[str]) -> ModelSettings:
    models = load_settings().models
    known = ", ".join(models) or "none"
    if len(names) != 1:
        raise StackError(f"Name one model: make rollback MODEL=…. Declared are: {known}.")
    if names[0] not in models:
        raise StackError(f"No model {names[0]!r} is declared. Declared are: {known}.")
    return models[names[0]]


def find_previous(place: Place, name: str) -> int:
    """The champion before the present one; the present one, while a challenger has traffic, and leaves by it.

    Raises:
        StackError: the warehouse is not named, or there was none.
    """
    if place.warehouse is None:
        raise StackError(
            "Name the version: make rollback VERSION=…. Without the warehouse, no other champion is known."
        )
    with open_session(place.warehouse) as session:
        champions = read_former_champions(session, name)
        state = read_rollout(session, name)
    if state is not None and state.challenger_weight > 0:
        return state.champion_version
    if len(champions) < 2:
        raise StackError(f"{name!r} has no earlier champion to go back to: it had {len(champions)} until now.")
    return champions[1]


def _run(place: Place, dag_id: str, conf: dict[str, Any]) -> int:
    airflow = AirflowApi(place.airflow, place.user, place.passwords[place.user])
    try:
        run_id = airflow.trigger_run(dag_id, conf)["dag_run_id"]
        say(f"{dag_id} puts version {conf['version']} back, as {place.user} has asked: {run_id}")
        state = airflow.wait_for_run(dag_id, run_id)["state"]
        if state == "success":
            say(f"Version {conf['version']} is champion. The model server follows within a second.")
            return 0
        say(airflow.read_log(dag_id, run_id, TASK, _count_tries(airflow, dag_id, run_id)))
        say(f"It was not done: {dag_id} {run_id} has {state}; its log stands above. The champion is as it was.")
        return 1
    finally:
        airflow.close()


def _count_tries(airflow: AirflowApi, dag_id: str, run_id: str) -> int:
    tries = [int(task["try_number"]) for task in airflow.list_task_instances(dag_id, run_id) if task["task_id"] == TASK]
    return max([1, *tries])
