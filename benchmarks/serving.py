"""Requests per second and latency of the model server, against what one would use otherwise and against an echo.

Measured: with 16 connections, ``POST /models/NAME/predict`` with the ten features of one row as payload, each
connection sending the next request when the last one is answered. Ours is ``include.serving`` with the ONNX form of a
random forest of 100 trees. The peers serve the same forest, made from the same seed: ``mlflow models serve`` with one
worker, and FastAPI with a frame of one row and ``predict_proba``. ``echo`` is a bare ASGI application that answers
with what it was sent: what no server on this stack can be faster than. For requests ``ratio`` is ours / peer, for
milliseconds peer / ours: both say how many times better ours is.

Further, of ours alone: requests by key, whose features are looked up, at half of the requests per second that it can
answer, where a latency counts from when the request was due; and the failed answers while the champion is replaced
again and again under full load.

Fair because: one process each, on one core, the client on the other, the same uvicorn but for MLflow, which brings
its own way to start it, the same client, in turn and never at once, all warmed up, every answer checked, and the
probabilities of all compared. Ours does more for each request: it asks for a token, routes, validates every value,
and logs the prediction to the warehouse.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.catalog import BenchmarkError, Options
from benchmarks.figure import Figure, compare, state
from benchmarks.http_load import CONNECTIONS, ask, make_features, make_request, send_requests, write_request
from benchmarks.serving_sides import FEATURES, MODEL_NAME, PATH, make_contract
from benchmarks.surroundings import temporary_folder
from benchmarks.timing import Tell, interleave
from include.rollout.state import bootstrap_champion, promote_directly, require_rollout
from include.servers.leash import Leash, start_leashed
from include.servers.ports import HOST, find_free_port
from include.servers.postgres import temporary_postgres
from include.settings import PROJECT_ROOT
from include.warehouse.migrate import migrate_warehouse
from include.warehouse.session import open_session

REPETITIONS: Final = 5
SECONDS: Final = 5.0
START_TIMEOUT_S: Final = 180.0
PARITY: Final = 1e-4
OURS: Final = "ours"
FASTAPI: Final = "peer"
MLFLOW: Final = "mlflow"
ECHO: Final = "echo"
ENTITIES: Final = 20_000
SWAPS: Final = 20
_NAMES: Final = {
    MLFLOW: "mlflow models serve",
    FASTAPI: "FastAPI with pandas and scikit-learn",
    ECHO: "a bare ASGI echo",
}
_READY: Final = {MLFLOW: "/ping"}


def measure(options: Options, tell: Tell) -> list[Figure]:
    """Requests per second and the 99th percentile of latency, each side in turn; then what is of ours alone."""
    repetitions = options.repetitions or REPETITIONS
    take_client_core()
    with temporary_folder() as folder, temporary_postgres(folder) as server, ExitStack() as servers:
        uri = server.create_database("warehouse")
        migrate_warehouse(uri)
        fill_online_table(uri)
        with open_session(uri) as session:
            bootstrap_champion(session, MODEL_NAME, 1)
        arguments = {OURS: (uri, str(folder)), MLFLOW: (str(folder),)}
        sides = (OURS, MLFLOW, FASTAPI, ECHO)
        ports = {side: servers.enter_context(serve(side, folder, *arguments.get(side, ()))) for side in sides}
        check_parity(ports)
        figures = compare_servers(ports, repetitions, tell)
        figures += measure_lookups(ports[OURS], repetitions, tell)
        return figures + measure_swaps(uri, ports[OURS], tell)


def compare_servers(ports: Mapping[str, int], repetitions: int, tell: Tell) -> list[Figure]:
    """Ours against each of the others: requests per second, and the 99th percentile but for the echo."""
    p99: dict[str, list[float]] = {side: [] for side in ports}
    requests = {side: [make_side_request(side, number) for number in range(200)] for side in ports}

    def load(side: str, seconds: float = SECONDS) -> float:
        latencies = asyncio.run(send_requests(ports[side], seconds, requests[side]))
        p99[side].append(find_p99_ms(latencies))
        return len(latencies) / seconds

    for side in ports:
        load(side, 1.0)
        p99[side].clear()
    tell("  requests per second")
    found = interleave({side: partial(load, side) for side in ports}, repetitions, tell)
    figures = []
    for side, name in _NAMES.items():
        label = f"{CONNECTIONS} connections, against {name}"
        figures.append(compare(f"requests, {label}", found[OURS], found[side], "1/s", "ours / peer"))
        if side != ECHO:
            figures.append(compare(f"p99, {label}", p99[OURS], p99[side], "ms"))
    return figures


def measure_lookups(port: int, repetitions: int, tell: Tell) -> list[Figure]:
    """Requests by key as fast as they are answered, then half as many: their 99th percentile."""
    requests = [write_request(PATH, {"keys": {"item_id": number * 7919 % ENTITIES}}) for number in range(2_000)]
    asyncio.run(send_requests(port, 1.0, requests))
    rates, p99 = [], []
    tell("  requests by key")
    for _ in range(repetitions):
        rates.append(len(asyncio.run(send_requests(port, SECONDS, requests))) / SECONDS)
        p99.append(find_p99_ms(asyncio.run(send_requests(port, SECONDS, requests, rates[-1] / 2))))
        tell(f"  {rates[-1]:,.0f} a second; {p99[-1]:.2f} ms at half of them")
    label = f"by key, {CONNECTIONS} connections"
    return [state(f"requests {label}", rates, "1/s"), state(f"p99 {label}, at half of these requests", p99, "ms")]


def measure_swaps(uri: str, port: int, tell: Tell) -> list[Figure]:
    """Replace the champion again and again under full load; an answer that is none ends the benchmark."""
    versions: set[int] = set()
    failed = 0

    def note(body: bytes) -> None:
        nonlocal failed
        answer = json.loads(body)
        failed += "probability" not in answer
        versions.add(answer["model_version"])

    async def swap() -> int:
        requests = [make_request(number) for number in range(200)]
        load = asyncio.create_task(send_requests(port, SWAPS * 0.5 + 1.0, requests, on_answer=note))
        for version in range(2, SWAPS + 2):
            await asyncio.sleep(0.5)
            await asyncio.to_thread(promote, uri, version)
        return len(await load)

    count = asyncio.run(swap())
    tell(f"  {count:,} requests were answered by {len(versions)} champions, {failed} answers were none")
    if len(versions) < SWAPS // 2:
        raise BenchmarkError(
            f"Only {len(versions)} of {SWAPS + 1} champions answered: nothing was replaced under load."
        )
    return [state(f"failed answers while {SWAPS} champions follow one another under full load", [failed], "")]


def promote(uri: str, version: int) -> None:
    """Make a version champion."""
    with open_session(uri) as session:
        promote_directly(session, require_rollout(session, MODEL_NAME), version)


def fill_online_table(uri: str) -> None:
    """Features of so many entities, in the online table of the model's group."""
    (group,) = make_contract().groups
    if group.online is None:
        raise BenchmarkError("The group has no online table.")
    columns = ", ".join(f"((i * 7 + {place * 13}) % 41) / 10.0 - 2 as {name}" for place, name in enumerate(FEATURES))
    with open_session(uri) as session:
        session.execute(f'create schema if not exists "{group.online.schema}"')
        session.execute(
            f"create table {group.online.quoted} as select i as item_id, current_date as {group.event_time}, {columns} "
            f"from generate_series(0, {ENTITIES - 1}) as i"
        )
        session.execute(f"alter table {group.online.quoted} add primary key (item_id)")


def take_client_core() -> None:
    """Keep the client to the cores that the servers do not have."""
    if hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) > 1:
        os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[1:]))


def find_p99_ms(latencies: list[float]) -> float:
    """The 99th percentile, in milliseconds."""
    return 1_000 * sorted(latencies)[int(0.99 * len(latencies))]


def make_side_request(side: str, number: int) -> bytes:
    """The features of row ``number``, as a side takes them."""
    if side != MLFLOW:
        return make_request(number)
    split = {"columns": list(FEATURES), "data": [list(make_features(number).values())]}
    return write_request("/invocations", {"dataframe_split": split})


def read_probability(side: str, body: bytes) -> float:
    """The probability in a side's answer."""
    answer = json.loads(body)
    return float(answer["predictions"][0][1] if side == MLFLOW else answer["probability"])


@contextmanager
def serve(side: str, folder: Path, *arguments: str) -> Iterator[int]:
    """One of ``benchmarks.serving_sides`` as a process that is ready; its port."""
    port, log = find_free_port(), folder / f"{side}.log"
    command = [sys.executable, "-m", "benchmarks.serving_sides", side, str(port), *arguments]
    leash = start_leashed(command, log, cwd=PROJECT_ROOT)
    try:
        wait_until_ready(leash, port, log, _READY.get(side, "/readyz"))
        yield port
    finally:
        leash.end()


def wait_until_ready(server: Leash, port: int, log: Path, path: str = "/readyz") -> None:
    """Ask until the server says that it is ready.

    Raises:
        BenchmarkError: it died, or is not ready in time; its log is quoted.
    """
    import httpx

    ends_at = time.monotonic() + START_TIMEOUT_S
    while server.poll() is None and time.monotonic() < ends_at:
        try:
            if httpx.get(f"http://{HOST}:{port}{path}", trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise BenchmarkError(f"The server on port {port} is not ready:\n{log.read_text()[-2000:]}")


def check_parity(ports: Mapping[str, int]) -> None:
    """Raise BenchmarkError unless all that predict answer the same to the same rows."""
    for number in range(5):
        answers = {
            side: read_probability(side, asyncio.run(ask(port, make_side_request(side, number))))
            for side, port in ports.items()
            if side != ECHO
        }
        if max(answers.values()) - min(answers.values()) > PARITY:
            raise BenchmarkError(f"The sides answer differently to the same row, no comparison is possible: {answers}.")
