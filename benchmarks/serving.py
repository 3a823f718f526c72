"""Requests per second and p99 of the model server against FastAPI + pandas + scikit-learn.

Measured: ``POST /models/NAME/predict`` with the ten features of one row as payload, over 16 connections that
each send the next request when the last one is answered. Ours is ``include.serving`` with the ONNX
form of a random forest of 100 trees; the peer serves the same forest, made from the same seed, as a
frame of one row through ``predict_proba`` under FastAPI. For requests ``ratio`` is ours / peer, for
milliseconds peer / ours: both say how many times better ours is.

Fair because: one process and one event loop each, the same uvicorn, the same client, in turn and never
at once, both warmed up, every answer checked, and the probabilities of both compared. Ours does more
for each request: it routes, validates every value, and logs the prediction to the warehouse.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.catalog import BenchmarkError, Options
from benchmarks.figure import Figure, compare
from benchmarks.http_load import CONNECTIONS, ask_once, send_load
from benchmarks.serving_sides import MODEL_NAME
from benchmarks.surroundings import temporary_folder
from benchmarks.timing import Measure, Tell, interleave
from include.rollout.state import bootstrap_champion
from include.servers.leash import Leash, start_leashed
from include.servers.ports import HOST, find_free_port
from include.servers.postgres import temporary_postgres
from include.settings import PROJECT_ROOT
from include.warehouse.migrate import migrate_warehouse
from include.warehouse.session import open_session

REPETITIONS: Final = 5
SECONDS: Final = 5.0
START_TIMEOUT_S: Final = 120.0
PARITY: Final = 1e-4
OURS: Final = "ours"
PEER: Final = "peer"


def measure(options: Options, tell: Tell) -> list[Figure]:
    """Requests per second and the 99th percentile of latency, each side in turn."""
    p99: dict[str, list[float]] = {OURS: [], PEER: []}

    def load(side: str) -> float:
        latencies = asyncio.run(send_load(ports[side], SECONDS))
        p99[side].append(1_000 * sorted(latencies)[int(0.99 * len(latencies))])
        return len(latencies) / SECONDS

    with temporary_folder() as folder, temporary_postgres(folder) as server, ExitStack() as servers:
        uri = server.create_database("warehouse")
        migrate_warehouse(uri)
        with open_session(uri) as session:
            bootstrap_champion(session, MODEL_NAME, 1)
        ports = {
            OURS: servers.enter_context(serve(OURS, folder, uri, str(folder))),
            PEER: servers.enter_context(serve(PEER, folder)),
        }
        check_parity(ports)
        for port in ports.values():
            asyncio.run(send_load(port, 1.0))
        tell("  requests per second")
        contestants: dict[str, Measure] = {side: partial(load, side) for side in ports}
        found = interleave(contestants, options.repetitions or REPETITIONS, tell)
    return [
        compare(f"requests, {CONNECTIONS} connections", found[OURS], found[PEER], "1/s", "ours / peer"),
        compare(f"p99, {CONNECTIONS} connections", p99[OURS], p99[PEER], "ms"),
    ]


@contextmanager
def serve(side: str, folder: Path, *arguments: str) -> Iterator[int]:
    """One of ``benchmarks.serving_sides`` as a process that is ready; its port."""
    port, log = find_free_port(), folder / f"{side}.log"
    command = [sys.executable, "-m", "benchmarks.serving_sides", side, str(port), *arguments]
    leash = start_leashed(command, log, cwd=PROJECT_ROOT)
    try:
        wait_until_ready(leash, port, log)
        yield port
    finally:
        leash.end()


def wait_until_ready(server: Leash, port: int, log: Path) -> None:
    """Ask until the server says that it is ready.

    Raises:
        BenchmarkError: it died, or is not ready in time; its log is quoted.
    """
    import httpx

    ends_at = time.monotonic() + START_TIMEOUT_S
    while server.poll() is None and time.monotonic() < ends_at:
        try:
            if httpx.get(f"http://{HOST}:{port}/readyz", trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise BenchmarkError(f"The server on port {port} is not ready:\n{log.read_text()[-2000:]}")


def check_parity(ports: dict[str, int]) -> None:
    """Raise BenchmarkError unless both sides answer the same to the same request."""
    for number in range(5):
        ours, peer = (json.loads(asyncio.run(ask_once(port, number)))["probability"] for port in ports.values())
        if abs(ours - peer) > PARITY:
            raise BenchmarkError(f"Ours says {ours}, the peer {peer} of the same row: no comparison is possible.")
