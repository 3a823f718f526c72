"""``python -m include.example``: write the examples' source files, load their history, send traffic to the models."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Final

from include.commands.console import say
from include.example.deliveries import add_sample_option, write_deliveries
from include.example.history import load_history
from include.example.surroundings import DBT_TARGET_VARIABLE, find_local_stack, find_server, find_warehouse
from include.example.systems import take_in
from include.example.traffic import Traffic, read_entities
from include.local.cli import home_option

_REPORT_EVERY_S: Final = 5.0
_EPILOG: Final = (
    "A stack that `make up` has started on this machine is found by itself; elsewhere say where things are "
    "(ORRERY_WAREHOUSE_URI, ORRERY_MODEL_SERVER_URL, ORRERY_AIRFLOW_PASSWORD)."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = build_parser().parse_args(arguments)
    return int(options.run(options))


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m include.example", description=__doc__, epilog=_EPILOG)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text, epilog=_EPILOG, parents=[home_option()])
        command.set_defaults(run=run)
        return command

    folder = "folder of the files (default: the running stack's, else ORRERY_SOURCES_DIR, else sources.yml)"
    sources = add("sources", write_sources, "write the source files, shifted to end today")
    sources.add_argument("--folder", help=folder)
    sources.add_argument("--days", type=int, default=0, help="days kept back for a replay (default: 0)")
    add_sample_option(sources)
    sources.add_argument(
        "--today", type=parse_day, metavar="YYYY-MM-DD", help="the last day (default: ORRERY_TODAY, else the clock)"
    )

    traffic = add("traffic", send_traffic, "send requests about random entities to all models, until Ctrl-C")
    traffic.add_argument("--server", metavar="URL", help="the model server (default: ORRERY_MODEL_SERVER_URL)")
    traffic.add_argument(
        "--rate", type=parse_positive, default=60.0, help="requests a second, each model (default: 60)"
    )
    traffic.add_argument("--seconds", type=parse_positive, help="stop after so many seconds (default: at Ctrl-C)")

    history = add("history", load_history, "load the history of the written files: trigger ingest_sources")
    history.add_argument("--airflow", metavar="URL", help="Airflow's address")
    history.add_argument("--user", default="admin", help="an Airflow user; the password: ORRERY_AIRFLOW_PASSWORD")
    history.add_argument("--folder", help=folder)
    return parser


def parse_day(text: str) -> date:
    """A day of the command line."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no day such as 2026-03-09") from error


def parse_positive(text: str) -> float:
    """A number above 0 of the command line."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return number


def write_sources(options: argparse.Namespace) -> int:
    """Write the source files; the exit code."""
    from include.settings import load_settings
    from include.settings.clock import read_today
    from include.settings.sources import sources_root

    settings = load_settings().sources
    stack = find_local_stack(options.home)
    default = stack.home.sources if stack else sources_root(settings)
    folder = Path(options.folder) if options.folder else default
    deliveries = write_deliveries(folder, options.today or read_today(settings.time_zone), options.days, options.sample)
    if stack is not None and folder == stack.home.sources:
        take_in(stack)
    say(f"{folder}: {deliveries.description}.")
    say(f"History: {deliveries.first_day} … {deliveries.history_to}; load it with: python -m include.example history")
    if deliveries.replay_days:
        say(f"To replay: {', '.join(map(str, deliveries.replay_days))}.")
    return 0


def send_traffic(options: argparse.Namespace) -> int:
    """Send requests to every declared model until the time is up or Ctrl-C; exit code 1 if a request failed."""
    stack = find_local_stack(options.home)
    if stack is not None:
        os.environ.setdefault(DBT_TARGET_VARIABLE, str(stack.home.dbt_target))
    server = find_server(options.server, stack)
    senders = open_traffic(server, find_warehouse(stack), options.rate)
    if not senders:
        say("No model is declared: include/config/models holds no NAME.yml.")
        return 1
    deadline = None if options.seconds is None else time.monotonic() + options.seconds
    names = ", ".join(sender.model for sender in senders)
    say(f"{options.rate:g} requests a second to each of {names} at {server}; Ctrl-C stops.")
    try:
        with ExitStack() as running:
            for sender in senders:
                running.enter_context(sender)
            while deadline is None or time.monotonic() < deadline:
                left = _REPORT_EVERY_S if deadline is None else deadline - time.monotonic()
                time.sleep(max(0.0, min(_REPORT_EVERY_S, left)))
                say(" · ".join(map(describe_traffic, senders)))
    finally:
        say("\n".join(["In all:", *(f"  {describe_traffic(sender)}" for sender in senders)]))
    return 1 if any(sender.failed or not sender.requests for sender in senders) else 0


def open_traffic(server: str, warehouse_uri: str, rate: float) -> list[Traffic]:
    """One sender for each declared model, not started yet."""
    from include.features.catalog import load_catalog
    from include.features.manifest import build_manifest
    from include.features.spec import resolve_model
    from include.settings import load_settings

    settings = load_settings()
    for name, message in settings.broken_models.items():
        say(f"✘ no traffic for {name}: {message}")
    models = settings.models
    if not models:
        return []
    build_manifest()
    specs = [resolve_model(model, load_catalog()) for model in models.values()]
    return [Traffic(server, spec.name, read_entities(warehouse_uri, spec), rate) for spec in specs]


def describe_traffic(sender: Traffic) -> str:
    """What one model was asked and how it answered."""
    if not sender.requests:
        return f"{sender.model}: not ready to answer yet"
    kinds = ", ".join(f"{count} × {status or 'no answer'}" for status, count in sorted(sender.answers.items()))
    return f"{sender.model}: {sender.requests:,} requests ({kinds})"
