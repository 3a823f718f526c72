"""``make traffic``: requests about random entities to the model server, until Ctrl-C."""

from __future__ import annotations

import argparse
import os
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from include.commands.console import say
from include.operate.models import choose_models
from include.operate.place import DBT_TARGET_VARIABLE, find_local_stack, find_server, find_warehouse
from include.operate.traffic import Traffic, read_entities
from include.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from include.features.spec import ModelSpec
    from include.rollout.server_address import ServerAddress

_REPORT_EVERY_S: Final = 5.0


def send_traffic(options: argparse.Namespace) -> int:
    """Send requests until the time is up or Ctrl-C; exit code 1 if one failed, or a model never answered.

    Raises:
        SettingsError: a model that is asked for is not declared, or its file is wrong.
        StackError: the server or the warehouse is not known.
        SourceError: a model cannot be asked by key, or has no entities yet.
    """
    stack = find_local_stack(options.home)
    if stack is not None:
        os.environ.setdefault(DBT_TARGET_VARIABLE, str(stack.home.dbt_target))
    server, warehouse = find_server(options.server, stack), find_warehouse(stack)
    _, specs = choose_models(load_settings(), options.model, say)
    senders = open_traffic(server, warehouse, specs, options.rate)
    deadline = None if options.seconds is None else time.monotonic() + options.seconds
    names = ", ".join(sender.model for sender in senders)
    say(f"{options.rate:g} requests a second to each of {names} at {server.url}; Ctrl-C stops.")
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


def open_traffic(
    server: ServerAddress, warehouse_uri: str, specs: Mapping[str, ModelSpec], rate: float
) -> list[Traffic]:
    """One sender for each model, not started yet."""
    return [Traffic(server, name, read_entities(warehouse_uri, spec), rate) for name, spec in specs.items()]


def describe_traffic(sender: Traffic) -> str:
    """What one model was asked and how it answered."""
    if sender.refusal is not None:
        return sender.refusal
    if not sender.requests:
        return f"{sender.model}: not ready to answer yet"
    kinds = ", ".join(f"{count} × {status or 'no answer'}" for status, count in sorted(sender.answers.items()))
    return f"{sender.model}: {sender.requests:,} requests ({kinds})"
