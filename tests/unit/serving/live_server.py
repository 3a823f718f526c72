"""A real model server on loopback, and what it needs around it."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from include.errors import RegistryError
from include.local.ports import find_free_port
from include.rollout.state import read_rollout, set_weight, start_canary
from include.serving.app import create_app
from include.serving.loader import Loader, ServedModel, open_model
from include.serving.server import ModelServer
from include.settings.rollout import RolloutSettings
from include.warehouse.session import Row, open_session
from tests.unit.serving.onnx_files import FEATURES

MODEL = "churn"
HOUSEHOLDS = 400


@dataclass
class Shelf:
    """Which file each version is; versions may be put up and replaced while a server runs."""

    folder: Path
    files: dict[int, str] = field(default_factory=dict)
    is_away: bool = False

    def load(self, version: int) -> ServedModel:
        """What the registry's loader does, from a folder."""
        if self.is_away or version not in self.files:
            raise RegistryError(f"There is no version {version}.")
        return open_model(self.folder / f"{self.files[version]}.onnx", version, FEATURES, 0.5)


def fill_online_store(uri: str, households: int = HOUSEHOLDS) -> None:
    """The online store as dbt builds it; household 7 has an undefined feature."""
    with open_session(uri) as session:
        session.execute(
            "create table online.customer_features (household_id bigint primary key, as_of_date date not null, "
            "days_since_purchase double precision, baskets_28d double precision, spend_28d double precision)"
        )
        session.execute(
            "insert into online.customer_features select n, date '2017-12-01', mod(n, 50), mod(n, 13), mod(n * 7, 50) "
            "from generate_series(1, %s) as n",
            (households,),
        )
        session.execute("update online.customer_features set spend_28d = null where household_id = 7")
        session.execute("update online.customer_features set spend_28d = 'NaN' where household_id = 8")


def put_canary(uri: str, version: int, weight: float) -> None:
    """Start a canary of ``version``, or set its weight."""
    with open_session(uri) as session:
        state = read_rollout(session, MODEL)
        assert state is not None
        set_weight(session, start_canary(session, state, version, weight), weight)


@contextmanager
def serve(uri: str, load: Loader, settings: RolloutSettings) -> Iterator[str]:
    """Run a model server in a thread; gives its URL, and stops it gracefully."""
    server = ModelServer(uri, MODEL, load, settings.server)
    port = find_free_port()
    config = uvicorn.Config(create_app(server), host="127.0.0.1", port=port, log_level="warning", access_log=False)
    runner = uvicorn.Server(config)
    thread = threading.Thread(target=runner.run, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{port}"
    wait_until(lambda: runner.started)
    try:
        yield url
    finally:
        runner.should_exit = True
        thread.join()


def get(url: str, **options: Any) -> httpx.Response:
    """A GET that waits as long as it takes."""
    return httpx.get(url, timeout=None, **options)


def post(url: str, **options: Any) -> httpx.Response:
    """A POST that waits as long as it takes."""
    return httpx.post(url, timeout=None, **options)


def wait_until(is_met: Callable[[], bool]) -> None:
    """Wait for a condition, for as long as it takes."""
    while not is_met():
        time.sleep(0.02)


def wait_until_ready(url: str) -> None:
    """Wait for the champion."""
    wait_until(lambda: get(f"{url}/readyz").status_code == 200)


@contextmanager
def constant_load(url: str, threads: int = 2, by_id: bool = True) -> Iterator[list[httpx.Response]]:
    """Ask about households one after another until the block ends; gives every response so far."""
    responses: list[httpx.Response] = []
    is_over = threading.Event()

    def ask(first: int) -> None:

        with httpx.Client(base_url=url, timeout=None) as client:
            for number in itertools.count(first, threads):
                if is_over.is_set():
                    return
                household_id = number % HOUSEHOLDS + 1
                body = {"household_id": household_id} if by_id else {"features": make_features(household_id)}
                try:
                    responses.append(client.post("/predict", json=body))
                except httpx.HTTPError as error:
                    responses.append(httpx.Response(599, json={"detail": repr(error)}))

    workers = [threading.Thread(target=ask, args=(index,), daemon=True) for index in range(threads)]
    for worker in workers:
        worker.start()
    try:
        yield responses
    finally:
        is_over.set()
        for worker in workers:
            worker.join()


def make_features(household_id: int) -> dict[str, float | None]:
    """What the online store holds of a household, as a payload."""
    values = (household_id % 50, household_id % 13, household_id * 7 % 50)
    return {name: float(value) for name, value in zip(FEATURES, values, strict=True)}


def list_failed(responses: list[httpx.Response]) -> list[str]:
    """The responses that are no answer, as text."""
    return [f"{response.status_code}: {response.text}" for response in responses if response.status_code != 200]


def read_log(uri: str) -> list[Row]:
    """Every row of the inference log, in order."""
    with open_session(uri) as session:
        return session.fetch_all("select * from serving.inference_log order by id")
