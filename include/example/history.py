"""Loads the history of the examples' files into a running Airflow."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from include.commands.airflow_api import AirflowApi
from include.commands.console import say
from include.errors import StackError
from include.example.deliveries import Deliveries, read_deliveries
from include.example.surroundings import find_airflow, find_local_stack, find_password

if TYPE_CHECKING:
    from include.settings import Settings


def load_history(options: argparse.Namespace) -> int:
    """Trigger ``ingest_sources`` for the whole history and say what follows; the exit code.

    Raises:
        SourceError: the files were not written yet.
        StackError: Airflow is away, does not know the DAG, or does not let the user in.
    """
    from include.settings import load_settings
    from include.settings.sources import sources_root

    settings = load_settings()
    stack = find_local_stack(options.home)
    default = stack.home.sources if stack else sources_root(settings.sources)
    deliveries = read_deliveries(Path(options.folder) if options.folder else default)
    url = find_airflow(options.airflow, stack)
    api = AirflowApi(url, options.user, find_password(options.user, url, stack))
    try:
        run_id = trigger_history(api, deliveries)
    finally:
        api.close()
    say(describe_what_follows(url, run_id, deliveries, settings))
    return 0


def trigger_history(api: AirflowApi, deliveries: Deliveries) -> str:
    """Start the run that loads the history; its id. One that was started before is not started again."""
    first, last = deliveries.first_day.isoformat(), deliveries.history_to.isoformat()
    run_id = f"history__{first}__{last}"
    try:
        api.trigger_run("ingest_sources", conf={"from_day": first, "to_day": last}, run_id=run_id)
    except StackError as error:
        if "status 409" not in str(error):
            raise
    return run_id


def describe_what_follows(url: str, run_id: str, deliveries: Deliveries, settings: Settings) -> str:
    """What happens by itself from here on, and where a person is needed."""
    lines = [
        f"ingest_sources loads {deliveries.first_day} … {deliveries.history_to} (run {run_id}).",
        "What follows starts by itself: build_features, then for each model",
    ]
    for name, model in settings.models.items():
        approvers = ", ".join(model.governance.all_approvers)
        approval = f"; to be approved by {approvers}" if model.governance.is_approval_required else ""
        lines.append(f"  {name}.train_candidates → {name}.deploy_model{approval}")
        lines.append(f"  → {name}.score_batch → {name}.monitor_model")
    lines += [f"  ✘ not {name}: {message}" for name, message in settings.broken_models.items()]
    lines += [
        f"Watch it, and approve (Required Actions), at {url}.",
        "A canary needs traffic, from the end of build_features on: python -m include.example traffic",
    ]
    if deliveries.replay_days:
        days = ", ".join(map(str, deliveries.replay_days))
        lines.append(f"Files for later days are there: {days}. Trigger ingest_sources for each (from_day, to_day).")
    return "\n".join(lines)
