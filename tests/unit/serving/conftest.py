"""Fixtures: models, online tables, a server that is ready."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.servers.ports import find_free_port
from include.servers.postgres import PostgresServer
from include.settings import CONFIG_DIR, load_house_section
from include.settings.models import read_shared
from include.settings.rollout import RolloutSettings, ServerSettings
from include.settings.section import check_section
from tests.unit.serving.live_server import MODEL, Shelf, bootstrap_all, fill_online_store, serve, wait_until_ready
from tests.unit.serving.onnx_files import write_all


@pytest.fixture(scope="session")
def rollout_settings() -> RolloutSettings:
    """What development runs with, and patience: how busy this machine is, is not the subject of a test."""
    values = read_shared(CONFIG_DIR / "rollout.yml", frozenset({"server"})).find_values("binary", "development")
    loaded = check_section(values, RolloutSettings, "development", "rollout.yml")
    staging = {"latency_p95_max_ms": 1e7, "request_timeout_s": 3600.0, "ready_timeout_s": 3600.0}
    criteria = {"latency_p95_max_ms": 1e7, "latency_floor_ms": 1e7, "max_wait_s": 300.0, "min_interval_s": 0.5}
    canary = {"criteria": loaded.canary.criteria.model_copy(update=criteria)}
    return loaded.model_copy(
        update={
            "staging": loaded.staging.model_copy(update=staging),
            "canary": loaded.canary.model_copy(update=canary),
        }
    )


@pytest.fixture(scope="session")
def server_settings() -> ServerSettings:
    """The server's, with patience; promotions are seen soon."""
    loaded = load_house_section(CONFIG_DIR / "rollout.yml", "server", ServerSettings, "development")
    changes = {"challenger_deadline_ms": 1e7, "database_timeout_s": 3600.0, "inline_max_ms": 1e7}
    return loaded.model_copy(update={**changes, "poll_interval_s": 0.1, "log_flush_interval_s": 0.05})


@pytest.fixture(scope="session")
def hasty_settings(server_settings: ServerSettings) -> ServerSettings:
    """The same with the deadlines of production, for the tests about deadlines."""
    return server_settings.model_copy(
        update={"challenger_deadline_ms": 250.0, "database_timeout_s": 2.0, "inline_max_ms": 2.0}
    )


@pytest.fixture(scope="session")
def onnx_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ONNX files: good models of each task, and one for each way of being bad."""
    folder = tmp_path_factory.mktemp("onnx")
    write_all(folder)
    return folder


def make_shelf(folder: Path) -> Shelf:
    """Version 1 of each model is a good one, version 2 of ``failures`` another good one."""
    return Shelf(folder, {1: "good", 2: "other"}, {("units", 1): "units", ("grade", 1): "grade"})


@pytest.fixture
def shelf(onnx_folder: Path) -> Shelf:
    """See :func:`make_shelf`."""
    return make_shelf(onnx_folder)


@pytest.fixture
def online_uri(warehouse_uri: str) -> str:
    """A warehouse with online tables and version 1 of ``failures`` as champion."""
    fill_online_store(warehouse_uri)
    bootstrap_all(warehouse_uri, [MODEL])
    return warehouse_uri


@pytest.fixture
def server_url(online_uri: str, shelf: Shelf, server_settings: ServerSettings) -> Iterator[str]:
    """A server of ``failures`` that is ready, with version 1 as champion."""
    with serve(online_uri, shelf.load, server_settings) as url:
        wait_until_ready(url)
        yield url


@pytest.fixture
def hasty_url(online_uri: str, shelf: Shelf, hasty_settings: ServerSettings) -> Iterator[str]:
    """Like ``server_url``, with the deadlines of production."""
    with serve(online_uri, shelf.load, hasty_settings) as url:
        wait_until_ready(url)
        yield url


@pytest.fixture(scope="session")
def shared_url(postgres: PostgresServer, onnx_folder: Path, server_settings: ServerSettings) -> Iterator[str]:
    """One ready server of three models for all tests that only ask: version 2 of ``failures`` may be addressed."""
    uri = postgres.create_database("shared_serving", template="warehouse_template")
    fill_online_store(uri)
    names = (MODEL, "units", "grade")
    bootstrap_all(uri, names)
    with serve(uri, make_shelf(onnx_folder).load, server_settings, names) as url:
        for name in names:
            wait_until_ready(url, name)
        yield url


@pytest.fixture
def own_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A server that a test may start and stop; it does not run yet."""
    folder: Path = tmp_path_factory.mktemp("own")
    server = PostgresServer(folder / "data", find_free_port(), secrets.token_urlsafe(12))
    yield server
    server.stop()
