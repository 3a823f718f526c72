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
from tests.unit.serving.live_server import MODEL, Shelf, fill_online_store, serve, wait_until_ready
from tests.unit.serving.onnx_files import write_all


@pytest.fixture(scope="session")
def rollout_settings() -> RolloutSettings:
    """What development runs with."""
    return load_section(CONFIG_DIR / "rollout.yml", RolloutSettings, "development")


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
