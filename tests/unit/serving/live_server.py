"""A real model server on loopback, and what it needs around it."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from include.errors import RegistryError
from include.rollout.state import bootstrap_champion, read_rollout, set_weight, start_canary
from include.servers.ports import find_free_port
from include.serving.access import AccessRules, Role
from include.serving.app import create_app
from include.serving.loader import Loader, ServedModel, open_model
from include.serving.server import ModelServer, ReportFirstLog
from include.serving.tokens import ReadRules, parse_callers, write_entry
from include.settings.rollout import ServerSettings
from include.warehouse.session import Row, open_session
from tests.unit.serving.onnx_files import FEATURES

MODEL = "failures"
MACHINES = 900
TOKENS = {str(role): f"token-of-{role}-which-nobody-guesses" for role in (Role.PREDICT, Role.STAGE, Role.ADMIN)}
ENTRIES = " ".join(write_entry(f"{role}-caller", Role[role.upper()], token) for role, token in TOKENS.items())
RULES = AccessRules(parse_callers(ENTRIES, "the tests"), frozenset({"localhost", "model-server"}))
SENSOR = {"sensor_id": "0f8fad5b-d9cb-469f-a165-70867728950e", "since": "2026-01-31"}


@dataclass
class Shelf:
    """Which file each version of a model is; versions may be put up and replaced while a server runs.

    ``files`` are the versions of ``failures``, ``others`` those of other models by name and version.
    """

    folder: Path
    files: dict[int, str] = field(default_factory=dict)
    others: dict[tuple[str, int], str] = field(default_factory=dict)
    is_away: bool = False

    def load(self, model_name: str, version: int) -> ServedModel:
        """What the registry's loader does, from a folder."""
        found = self.files.get(version) if model_name == MODEL else self.others.get((model_name, version))
        if self.is_away or found is None:
            raise RegistryError(f"There is no version {version} of {model_name}.")
        return open_model(self.folder / f"{found}.onnx", version)


def fill_online_store(uri: str, machines: int = MACHINES) -> None:
    """The online tables as dbt builds them; machine 7 has an undefined feature, machine 8 one that is no number."""
    with open_session(uri) as session:
        session.execute(
            "create table online.machine_load_latest (machine_id bigint primary key, as_of_date date not null, "
            "days_idle double precision, starts_28d double precision, load_28d double precision)"
        )
        session.execute(
            "insert into online.machine_load_latest select n, date '2026-12-01', mod(n, 50), mod(n, 13), "
            "mod(n * 7, 50) from generate_series(1, %s) as n",
            (machines,),
        )
        session.execute("update online.machine_load_latest set load_28d = null where machine_id = 7")
        session.execute("update online.machine_load_latest set load_28d = 'NaN' where machine_id = 8")
        session.execute(
            "create table online.part_stock_latest as select site_id::integer, part, date '2026-12-02' as as_of_date, "
            "site_id::numeric as stock, part = 'bolt' as is_open, "
            "case part when 'nut' then 'south' when 'cap' then 'east' end as zone "
            "from generate_series(0, 4) as site_id, unnest(array['bolt', 'nut', 'cap', 'it''s ü']) as part"
        )
        session.execute(
            "create table online.sensor_state_latest as select %s::uuid as sensor_id, %s::date as since, "
            "date '2026-12-03' as as_of_date, 25.5::real as temperature",
            tuple(SENSOR.values()),
        )


def bootstrap_all(uri: str, names: Sequence[str] = (MODEL, "units", "grade")) -> None:
    """Version 1 of each model as its champion."""
    with open_session(uri) as session:
        for name in names:
            bootstrap_champion(session, name, 1)


def put_canary(uri: str, version: int, weight: float, model_name: str = MODEL, lease_s: float = 3600.0) -> None:
    """Start a canary of ``version``, or set its weight; it has it for longer than any test takes."""
    with open_session(uri) as session:
        state = read_rollout(session, model_name)
        assert state is not None
        set_weight(session, start_canary(session, state, version, weight), weight, lease_s)


@contextmanager
def serve(
    uri: str,
    load: Loader,
    settings: ServerSettings,
    names: Sequence[str] = (MODEL,),
    on_first_log: ReportFirstLog | None = None,
    read_names: Callable[[], Iterable[str]] | None = None,
    read_rules: ReadRules = lambda: RULES,
) -> Iterator[str]:
    """Run a model server in a thread; gives its URL, and stops it gracefully."""
    server = ModelServer(uri, names, load, settings, on_first_log, read_names)
    port = find_free_port()
    app = create_app(server, read_rules)
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)
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


def bearer(role: str = "admin") -> dict[str, str]:
    """The headers of the caller of a role."""
    return {"Authorization": f"Bearer {TOKENS[role]}"}


def get(url: str, headers: dict[str, str] | None = None, **options: Any) -> httpx.Response:
    """A GET of the administrator that waits as long as it takes."""
    return httpx.get(url, headers={**bearer(), **(headers or {})}, timeout=None, **options)


def post(url: str, headers: dict[str, str] | None = None, **options: Any) -> httpx.Response:
    """A POST of the administrator that waits as long as it takes."""
    return httpx.post(url, headers={**bearer(), **(headers or {})}, timeout=None, **options)


def predict(url: str, body: Any, model_name: str = MODEL, path: str = "predict", **headers: str) -> httpx.Response:
    """Ask for a prediction; ``X_Request_Id`` becomes the header X-Request-Id."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return post(f"{url}/models/{model_name}/{path}", json=body, headers=named)


def show(url: str, model_name: str = MODEL) -> dict[str, Any]:
    """What the server says of a model."""
    status: dict[str, Any] = get(f"{url}/models/{model_name}").json()
    return status


def wait_until(is_met: Callable[[], bool]) -> None:
    """Wait for a condition, for as long as it takes."""
    while not is_met():
        time.sleep(0.02)


def wait_until_ready(url: str, model_name: str = MODEL) -> None:
    """Wait for the champion."""
    wait_until(lambda: get(f"{url}/models/{model_name}/readyz").status_code == 200)


def wait_until_seen(url: str, version: int, weight: float) -> None:
    """Wait until the server routes by this canary, with the version loaded or given up."""

    def is_seen() -> bool:
        status = show(url)
        settled = {slot["version"] for slot in status["versions"] if slot["status"] != "loading"}
        return (status["challenger_version"], status["challenger_weight"]) == (version, weight) and version in settled

    wait_until(is_seen)


@contextmanager
def constant_load(
    url: str, threads: int = 2, by_key: bool = True, model_name: str = MODEL
) -> Iterator[list[httpx.Response]]:
    """Ask about machines one after another until the block ends; gives every response so far."""
    responses: list[httpx.Response] = []
    is_over = threading.Event()

    def ask(first: int) -> None:
        with httpx.Client(base_url=url, headers=bearer(), timeout=None) as client:
            for number in itertools.count(first, threads):
                if is_over.is_set():
                    return
                machine_id = number % MACHINES + 1
                body = {"keys": {"machine_id": machine_id}} if by_key else {"features": make_features(machine_id)}
                try:
                    responses.append(client.post(f"/models/{model_name}/predict", json=body))
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


def by_key(machine_id: Any) -> dict[str, Any]:
    """A request by key."""
    return {"keys": {"machine_id": machine_id}}


def make_features(machine_id: int) -> dict[str, Any]:
    """What the online table holds of a machine, as a payload."""
    values = (machine_id % 50, machine_id % 13, machine_id * 7 % 50)
    return {name: float(value) for name, value in zip(FEATURES, values, strict=True)}


def list_failed(responses: list[httpx.Response]) -> list[str]:
    """The responses that are no answer, as text."""
    return [f"{response.status_code}: {response.text}" for response in responses if response.status_code != 200]


def count_stuck(uri: str) -> int:
    """The server's connections that wait for a lock."""
    with open_session(uri) as session:
        found = session.fetch_value(
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' "
            "and application_name = 'orrery-serving-read'"
        )
    return int(found or 0)


def read_log(uri: str) -> list[Row]:
    """Every row of the inference log, in order."""
    with open_session(uri) as session:
        return session.fetch_all("select * from serving.inference_log order by id")
