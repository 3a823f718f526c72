"""The running server follows the models' files."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from include.serving.declared_models import DeclaredModels
from include.settings import CONFIG_DIR
from include.settings.rollout import ServerSettings
from include.warehouse.session import open_session
from tests.unit.serving.live_server import (
    MODEL,
    Shelf,
    bootstrap_all,
    by_key,
    count_stuck,
    get,
    predict,
    serve,
    wait_until,
    wait_until_ready,
)

BOLT = {"keys": {"site_id": 3, "part": "bolt"}}
DECLARATION = """
description: Something of machines.
owner: team
task: binary
label: machine_labels.failed
features: {groups: [machine_load]}
trainer: scientist
governance: {approvers: [approver]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The shared files as they are, and one model."""
    (tmp_path / "models").mkdir()
    for path in CONFIG_DIR.glob("*.yml"):
        (tmp_path / path.name).write_text(path.read_text())
    write_model(tmp_path, MODEL)
    return tmp_path


@pytest.fixture
def url(online_uri: str, shelf: Shelf, server_settings: ServerSettings, folder: Path) -> Iterator[str]:
    """A ready server of the declared models; ``failures`` and ``units`` have a champion."""
    bootstrap_all(online_uri, (MODEL, "units"))
    declared = DeclaredModels(folder, "development")
    with serve(online_uri, shelf.load, server_settings, tuple(declared.read()), read_names=declared.read) as url:
        wait_until_ready(url)
        yield url


def write_model(folder: Path, name: str, text: str = DECLARATION) -> None:
    """Declare a model."""
    (folder / "models" / f"{name}.yml").write_text(text)


def list_served(url: str) -> list[str]:
    """The names of the models that the server knows."""
    return [model["name"] for model in get(f"{url}/models").json()["models"]]


def test_a_model_is_served_once_its_file_is_there_and_no_more_when_it_is_gone(url: str, folder: Path) -> None:
    assert predict(url, BOLT, "units").status_code == 404
    write_model(folder, "units")
    wait_until(lambda: list_served(url) == [MODEL, "units"])
    wait_until_ready(url, "units")
    assert predict(url, BOLT, "units").status_code == 200
    (folder / "models" / "units.yml").unlink()
    wait_until(lambda: list_served(url) == [MODEL])
    refused = predict(url, BOLT, "units")
    assert refused.status_code == 404
    assert f"Declared are: {MODEL}." in refused.json()["detail"]
    assert predict(url, by_key(1)).status_code == 200


def test_a_request_in_flight_is_answered_by_a_model_that_is_removed_meanwhile(
    url: str, folder: Path, online_uri: str
) -> None:
    staged = {"X_Model_Version": "2"}
    wait_until(lambda: predict(url, by_key(1), **staged).status_code == 200)
    with ThreadPoolExecutor(1) as pool:
        with open_session(online_uri) as session:
            session.execute("lock table online.machine_load_latest in access exclusive mode")
            answer = pool.submit(predict, url, by_key(1), **staged)
            wait_until(lambda: count_stuck(online_uri) == 1)
            (folder / "models" / f"{MODEL}.yml").unlink()
            wait_until(lambda: get(f"{url}/models/{MODEL}").status_code == 404)
        assert answer.result().status_code == 200
    assert predict(url, by_key(1)).status_code == 404


def test_a_wrong_file_takes_no_model_away_and_is_logged_once(
    url: str, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_model(folder, "units")
    wait_until_ready(url, "units")
    with caplog.at_level(logging.WARNING):
        write_model(folder, "units", DECLARATION + "colour: blue\n")
        wait_until(lambda: len(find_warnings(caplog)) > 0)
        predict(url, BOLT, "units")
        assert predict(url, BOLT, "units").status_code == 200
        write_model(folder, "units", DECLARATION + "# corrected\n")
        write_model(folder, "grade")
        wait_until(lambda: list_served(url) == [MODEL, "grade", "units"])
    assert len(find_warnings(caplog)) == 1
    assert predict(url, BOLT, "units").status_code == 200


def find_warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was logged about the file of ``units``."""
    return [record.getMessage() for record in caplog.records if "units" in record.getMessage()]


def test_a_file_that_is_away_while_it_is_replaced_takes_no_model_away(folder: Path) -> None:
    declared = DeclaredModels(folder, "development")
    assert declared.read() == {MODEL}
    (folder / "models" / f"{MODEL}.yml").unlink()
    assert declared.read() == {MODEL}
    write_model(folder, MODEL)
    assert declared.read() == {MODEL}
    assert declared.read() == {MODEL}
    (folder / "models" / f"{MODEL}.yml").unlink()
    assert declared.read() == {MODEL}
    assert declared.read() == set()
