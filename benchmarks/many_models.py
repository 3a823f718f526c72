"""What one model server costs when it serves 50 models instead of one.

Measured: seconds from the start of the process until every model answers, requests per second against one of
the models while all are loaded (16 connections, ten features as payload), and the resident memory of the
process then. The models are declared in generated files, each with a version of its own: a random forest of 20
trees as ONNX, read from a folder. The peer is the same server with a single declared model; ``ratio`` (ours /
peer) is how many times the peer's figure ours is.

Fair because: the same code, model, warehouse and client, each server alone on its turn, a new process for each
repetition, and the first answer of every model is checked.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.catalog import BenchmarkError, Options
from benchmarks.figure import Figure, compare
from benchmarks.http_load import ask_once, send_load
from benchmarks.serving import wait_until_ready
from benchmarks.serving_sides import make_contract, make_model
from benchmarks.surroundings import temporary_folder
from benchmarks.timing import Measure, Tell, interleave
from include.rollout.state import bootstrap_champion
from include.servers.leash import Leash, start_leashed
from include.servers.ports import find_free_port
from include.servers.postgres import PostgresServer, temporary_postgres
from include.settings import CONFIG_DIR, PROJECT_ROOT
from include.warehouse.migrate import migrate_warehouse
from include.warehouse.session import open_session

REPETITIONS: Final = 3
MODELS: Final = 50
TREES: Final = 20
SECONDS: Final = 5.0
OURS: Final = f"{MODELS} models"
PEER: Final = "1 model"
_DECLARATION: Final = """\
description: One of many models.
owner: benchmark
task: binary
label: labels.is_positive
features: {groups: [measured]}
trainer: benchmark
governance: {approvers: [reviewer]}
"""


def measure(options: Options, tell: Tell) -> list[Figure]:
    """Seconds, requests and megabytes of both servers."""
    sizes = {OURS: MODELS, PEER: 1}
    rates: dict[str, list[float]] = {side: [] for side in sizes}
    memory: dict[str, list[float]] = {side: [] for side in sizes}
    with temporary_folder() as folder, temporary_postgres(folder) as server:
        write_models(folder / "onnx", list_names(MODELS))
        uris = {side: prepare_side(folder / side, server, list_names(size)) for side, size in sizes.items()}

        def run(side: str) -> float:
            with serve(folder, folder / side, uris[side]) as (leash, port, seconds):
                check_answers(port, list_names(sizes[side]))
                path = f"/models/{list_names(1)[0]}/predict"
                asyncio.run(send_load(port, 1.0, path))
                rates[side].append(len(asyncio.run(send_load(port, SECONDS, path))) / SECONDS)
                memory[side].append(read_memory_mb(leash))
            return seconds

        tell("  seconds until every model answers")
        contestants: dict[str, Measure] = {side: partial(run, side) for side in sizes}
        started = interleave(contestants, options.repetitions or REPETITIONS, tell)
    return [
        compare(f"until {MODELS} models answer", started[OURS], started[PEER], "s", "ours / peer"),
        compare(f"requests, {MODELS} models loaded", rates[OURS], rates[PEER], "1/s", "ours / peer"),
        compare(f"memory, {MODELS} models loaded", memory[OURS], memory[PEER], "MB", "ours / peer"),
    ]


def list_names(count: int) -> list[str]:
    """The names of so many models."""
    return [f"model_{number:02}" for number in range(count)]


def write_models(folder: Path, names: list[str]) -> None:
    """One version for each name: the same graph, with a contract of its own."""
    import onnx

    from include.registry.contract import METADATA_KEY
    from include.registry.onnx import export_onnx

    proto = onnx.load_model_from_string(export_onnx(make_model(TREES), make_contract()))
    (entry,) = [item for item in proto.metadata_props if item.key == METADATA_KEY]
    folder.mkdir()
    for name in names:
        entry.value = make_contract(name).to_json()
        (folder / f"{name}.onnx").write_bytes(proto.SerializeToString())


def prepare_side(folder: Path, server: PostgresServer, names: list[str]) -> str:
    """The declarations in ``folder``, and a warehouse in which version 1 of each is champion; its URI."""
    models = folder / "models"
    models.mkdir(parents=True)
    for path in CONFIG_DIR.glob("*.yml"):
        shutil.copy(path, folder)
    uri = server.create_database(f"models_{len(names)}")
    migrate_warehouse(uri)
    with open_session(uri) as session:
        for name in names:
            (models / f"{name}.yml").write_text(_DECLARATION)
            bootstrap_champion(session, name, 1)
    return uri


@contextmanager
def serve(folder: Path, config: Path, uri: str) -> Iterator[tuple[Leash, int, float]]:
    """A server of the models in ``config``: its process, its port, and the seconds until all of them answer."""
    port, log = find_free_port(), folder / "server.log"
    command = [sys.executable, "-m", "benchmarks.serving_sides", "many", str(port), uri, str(folder / "onnx")]
    environment = {**os.environ, "ORRERY_CONFIG_DIR": str(config), "ORRERY_ENVIRONMENT": "development"}
    began_at = time.perf_counter()
    leash = start_leashed(command, log, environment=environment, cwd=PROJECT_ROOT)
    try:
        wait_until_ready(leash, port, log)
        yield leash, port, time.perf_counter() - began_at
    finally:
        leash.end()


def check_answers(port: int, names: list[str]) -> None:
    """Raise BenchmarkError unless every model answers under its name."""
    for name in names:
        answer = json.loads(asyncio.run(ask_once(port, 1, f"/models/{name}/predict")))
        if (answer["model"], answer["model_version"]) != (name, 1):
            raise BenchmarkError(f"Model {name} was asked, and {answer['model']} answered.")


def read_memory_mb(leash: Leash) -> float:
    """The resident memory of the held process, in megabytes."""
    import psutil

    (server,) = psutil.Process(leash.process.pid).children()
    return float(server.memory_info().rss) / 1e6
