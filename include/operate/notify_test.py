"""``make notify-test``: a test message to the channels, sent by Airflow with its own connections."""

from __future__ import annotations

import argparse
from typing import Final

from include.commands.airflow_api import AirflowApi
from include.commands.console import say
from include.errors import StackError
from include.operate.place import Place, find_local_stack, find_place

DAG: Final = "notify_test"
TASK: Final = "send"
ANSWERS: Final = "answers"


def test_channels(options: argparse.Namespace) -> int:
    """Start ``notify_test``, wait for its end and show what came back of each channel; 1 if one took nothing.

    Raises:
        StackError: no project runs here and none is named, or several models are.
    """
    if len(options.model) > 1:
        raise StackError("Name one model at most: make notify-test MODEL=…")
    place = find_place(options.airflow, options.server, options.user, find_local_stack(options.home))
    return _run(place, {"channel": options.channel, "model": next(iter(options.model), None)})


def _run(place: Place, conf: dict[str, str | None]) -> int:
    airflow = AirflowApi(place.airflow, place.user, place.passwords[place.user])
    try:
        run_id = airflow.trigger_run(DAG, conf)["dag_run_id"]
        say(f"{DAG} sends a test message to {conf['channel'] or 'every channel'}: {run_id}")
        state = airflow.wait_for_run(DAG, run_id)["state"]
        answers = _read_answers(airflow, run_id)
        for channel, answer in answers.items():
            say(f"  {channel}: {answer}")
        if not answers:
            say(airflow.read_log(DAG, run_id, TASK))
        return 0 if state == "success" else 1
    finally:
        airflow.close()


def _read_answers(airflow: AirflowApi, run_id: str) -> dict[str, str]:
    """What came back, by channel; nothing where nothing was sent."""
    try:
        answers: dict[str, str] = airflow.read_xcom(DAG, run_id, TASK, ANSWERS)
    except StackError:
        return {}
    return answers
