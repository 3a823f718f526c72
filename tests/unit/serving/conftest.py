"""Fixtures: models, an online store, a server that is ready."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from include.local.postgres import PostgresServer
from include.rollout.state import bootstrap_champion
from include.settings import CONFIG_DIR
from include.settings.rollout import RolloutSettings
from include.settings.section import load_section
from include.warehouse.session import open_session
from tests.unit.registry.conftest import (
    classifier,
    make_result,
    mlflow_server,
    model_name,
    onnx_bytes,
    tracking_uri,
)
from tests.unit.serving.live_server import MODEL, Shelf, fill_online_store, serve, wait_until_ready
from tests.unit.serving.onnx_files import write_all

__all__ = ["classifier", "make_result", "mlflow_server", "model_name", "onnx_bytes", "tracking_uri"]


@pytest.fixture(scope="session")
def rollout_settings() -> RolloutSettings:
    """What development runs with, and patience: how busy this machine is, is not the subject of a test."""
    loaded = load_section(CONFIG_DIR / "rollout.yml", RolloutSettings, "development")
    server = {"challenger_deadline_ms": 1e7, "database_timeout_s": 3600.0}
    staging = {"latency_p95_max_ms": 1e7, "request_timeout_s": 3600.0, "ready_timeout_s": 3600.0}
    criteria = {
        "latency_p95_max_ms": 1e7,
        "latency_floor_ms": 1e7,
        "max_wait_s": 300.0,
        "min_interval_s": 0.5,
    }
    canary = {"criteria": loaded.canary.criteria.model_copy(update=criteria)}
    return loaded.model_copy(
        update={
            "server": loaded.server.model_copy(update=server),
            "staging": loaded.staging.model_copy(update=staging),
            "canary": loaded.canary.model_copy(update=canary),
        }
    )


@pytest.fixture(scope="session")
def hasty_settings(rollout_settings: RolloutSettings) -> RolloutSettings:
    """The same with the deadlines of production, for the tests about deadlines."""
    hasty = {"challenger_deadline_ms": 250.0, "database_timeout_s": 2.0}
    return rollout_settings.model_copy(update={"server": rollout_settings.server.model_copy(update=hasty)})


@pytest.fixture(scope="session")
def onnx_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ONNX files: two good models, and one for each way of being bad."""
    folder = tmp_path_factory.mktemp("onnx")
    write_all(folder)
    return folder


@pytest.fixture
def shelf(onnx_folder: Path) -> Shelf:
    """Version 1 is a good model, version 2 another good one."""
    return Shelf(onnx_folder, {1: "good", 2: "other"})


@pytest.fixture
def online_uri(warehouse_uri: str) -> str:
    """A warehouse with an online store and version 1 as champion."""
    fill_online_store(warehouse_uri)
    with open_session(warehouse_uri) as session:
        bootstrap_champion(session, MODEL, 1)
    return warehouse_uri


@pytest.fixture
def server_url(online_uri: str, shelf: Shelf, rollout_settings: RolloutSettings) -> Iterator[str]:
    """A server that is ready, with version 1 as champion."""
    with serve(online_uri, shelf.load, rollout_settings) as url:
        wait_until_ready(url)
        yield url


@pytest.fixture
def hasty_url(online_uri: str, shelf: Shelf, hasty_settings: RolloutSettings) -> Iterator[str]:
    """Like ``server_url``, with the deadlines of production."""
    with serve(online_uri, shelf.load, hasty_settings) as url:
        wait_until_ready(url)
        yield url


@pytest.fixture(scope="session")
def shared_url(postgres: PostgresServer, onnx_folder: Path, rollout_settings: RolloutSettings) -> Iterator[str]:
    """One ready server for all tests that only ask: version 1 is champion, version 2 may be addressed."""
    uri = postgres.create_database("shared_serving", template="warehouse_template")
    fill_online_store(uri)
    with open_session(uri) as session:
        bootstrap_champion(session, MODEL, 1)
    with serve(uri, Shelf(onnx_folder, {1: "good", 2: "other"}).load, rollout_settings) as url:
        wait_until_ready(url)
        yield url
