"""``python -m include.demo``: the whole loop of every declared model on the examples' data, from nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from include.demo.fresh import clear_earlier_demo, mark_finished
from include.demo.loop import Loop
from include.demo.options import DemoOptions, check_options, read_options
from include.demo.report import build_report, write_report
from include.demo.summary import print_summary
from include.errors import SettingsError, StackError
from include.example.deliveries import Deliveries, write_deliveries
from include.features.catalog import load_catalog
from include.features.manifest import TARGET_VARIABLE, build_manifest
from include.features.spec import resolve_model
from include.governance.spool import Spool
from include.local.credentials import list_users
from include.local.home import StackHome, prepare_home, resolve_home
from include.local.stack import Stack, release_stack, start_stack, stop_stack
from include.operate.hops import MODEL_HOPS, SHARED_HOPS
from include.operate.place import place_stack
from include.operate.progress import Progress, Stage
from include.settings import describe_broken, load_settings
from include.settings.clock import TODAY_VARIABLE, read_today

if TYPE_CHECKING:
    from include.settings import Settings

TITLE: Final = "Orrery: from raw files to models in production, and back"
SOURCES_VARIABLE: Final = "ORRERY_SOURCES_DIR"
LINEAGE_WAIT_S: Final = 120.0


@dataclass(frozen=True)
class Prepared:
    """What the loop starts from."""

    stack: Stack
    deliveries: Deliveries
    loop: Loop


def run_from_command_line(arguments: Sequence[str] | None = None) -> int:
    """Run the demo as the command line asks for it; the exit code."""
    return run_demo(read_options(arguments))


def run_demo(options: DemoOptions) -> int:
    """Run the demo; 0 if the whole loop worked for every model.

    An earlier demo in the same folder is cleared first. The stack is stopped again when the demo fails, is
    interrupted, or was asked to.

    Raises:
        OrreryError: the options cannot work, a model's file is wrong, a component died, or a hop failed that all
            models need; the message carries the end of its log.
    """
    settings, home = load_settings(), resolve_home(options.home)
    if settings.broken_models:
        raise SettingsError(describe_broken(settings.broken_models.values()))
    check_options(options, settings.models, list_users(settings.models.values()))
    today = {} if options.today is None else {TODAY_VARIABLE: options.today.isoformat()}
    folders = {TARGET_VARIABLE: str(home.dbt_target), SOURCES_VARIABLE: str(home.sources)}
    with ExitStack() as cleanup, set_variables({**today, **folders}):
        prepare_home(home)
        clear_earlier_demo(home)
        cleanup.callback(stop_stack, home)
        with Progress(TITLE, list_stages([*settings.models], options.days)) as progress:
            prepared = _prepare(options, settings, home, progress)
            try:
                report = _run_loop(prepared, progress)
            except StackError:
                prepared.loop.hops.place.check()  # A component that has died explains more than who missed it.
                raise
            finally:
                prepared.loop.hops.close()
        write_report(home.path / "demo" / "report.json", report)
        mark_finished(home)
        if not options.is_exiting:
            cleanup.pop_all()
            release_stack(home)
    print_summary(report, None if options.is_exiting else prepared.stack)
    return 1 if report["shortcomings"] else 0


def list_stages(models: Sequence[str], days: int) -> list[Stage]:
    """The lines of the display: what is shared, the hops of each model, and each replayed day."""
    stages = [Stage("write_sources", "write the source files"), Stage("start_stack", "start the stack")]
    stages += [Stage(hop, f"{hop} (history)") for hop in SHARED_HOPS]
    stages += [Stage(f"{name}.{hop}", f"{name}.{hop}", name) for name in models for hop in MODEL_HOPS]
    for number in range(1, days + 1):
        day = f"replay_day_{number}"
        stages.append(Stage(day, f"replay day {number} of {days}"))
        stages += [Stage(f"{name}.{day}", f"  {name}", name) for name in models]
    return stages


@contextmanager
def set_variables(variables: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for the length of the block, for this process and the stack that it starts."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _prepare(options: DemoOptions, settings: Settings, home: StackHome, progress: Progress) -> Prepared:
    with progress.run("write_sources") as stage:
        today = read_today(settings.sources.time_zone)
        deliveries = write_deliveries(home.sources, today, options.days, options.sample)
        progress.tell(stage, deliveries.description)
    with progress.run("start_stack") as stage:
        stack = start_stack(home, lambda step: progress.tell(stage, f"{step.component}: {step.state}"), is_leashed=True)
        build_manifest()
        specs = {name: resolve_model(model, load_catalog()) for name, model in settings.models.items()}
        loop = Loop(place_stack(stack), settings.models, specs, progress)
        loop.hops.wait_for_dags(lambda doing: progress.tell(stage, doing))
        progress.tell(stage, f"everything is healthy; {len(settings.models)} models: {', '.join(settings.models)}")
    return Prepared(stack, deliveries, loop)


def _run_loop(prepared: Prepared, progress: Progress) -> dict[str, Any]:
    stack, hops = prepared.stack, prepared.loop.hops
    prepared.loop.run(prepared.deliveries)
    _wait_for_lineage(Spool(stack.home.lineage_spool))
    return build_report(stack.uris.warehouse, hops.models, hops.notes, progress, hops.list_runs())


def _wait_for_lineage(spool: Spool) -> None:
    """Events of the last hop may still be on their way to the warehouse; waits while they become fewer."""
    oldest, seen_at = None, time.monotonic()
    while waiting := spool.list_waiting(limit=1):
        if waiting[0] != oldest:
            oldest, seen_at = waiting[0], time.monotonic()
        if time.monotonic() - seen_at > LINEAGE_WAIT_S:
            return
        time.sleep(0.2)
