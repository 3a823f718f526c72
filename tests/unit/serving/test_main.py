"""The command that people and the stack start, over a real registry: versions are fetched, verified, or refused."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from include.errors import RegistryError
from include.features.matrix import from_rows
from include.registry.onnx import OnnxModel
from include.registry.rest import MlflowRest
from include.registry.tracking import log_onnx, open_run
from include.rollout.state import require_rollout, start_canary
from include.servers.ports import find_free_port
from include.serving import __main__ as serving
from include.serving.loader import make_registry_loader
from include.settings import CONFIG_DIR
from include.warehouse.session import open_session
from tests.processes import die_with_parent
from tests.unit.registry.mlflow_server import MlflowServer, start_shared_server
from tests.unit.registry.planting import make_measured, plant_version
from tests.unit.serving.live_server import (
    ENTRIES,
    MODEL,
    by_key,
    get,
    make_features,
    predict,
    read_log,
    show,
    wait_until,
)

NOWHERE = {"ORRERY_WAREHOUSE_URI": "postgresql://127.0.0.1:1/nowhere", "ORRERY_MLFLOW_URI": "http://127.0.0.1:1"}
"""Enough to start; nothing is there."""


@pytest.fixture(scope="session")
def registry() -> MlflowServer:
    """A real MLflow on loopback."""
    return start_shared_server()


@pytest.fixture
def config_folder(tmp_path: Path) -> Path:
    """The shared files as they are, and one model."""
    folder = tmp_path / "config"
    (folder / "models").mkdir(parents=True)
    for path in CONFIG_DIR.glob("*.yml"):
        (folder / path.name).write_text(path.read_text())
    declaration = """
        description: Machines that will fail.
        owner: team
        task: binary
        label: machine_labels.failed
        features: {groups: [machine_load]}
        trainer: scientist
        governance: {approvers: [approver]}
    """
    (folder / "models" / f"{MODEL}.yml").write_text(textwrap.dedent(declaration))
    return folder


def register(uri: str, server: MlflowServer, content: bytes) -> tuple[int, Path]:
    """Log a file and make it a version, as training does; its number, and where the server keeps it."""
    contract = OnnxModel(content).contract
    with open_run(server.uri, MODEL, "fit", {}) as mlflow:
        source = log_onnx(content, contract)
        run_id = mlflow.active_run().info.run_id
    sha256 = hashlib.sha256(content).hexdigest()
    version = plant_version(uri, MODEL, make_measured(run_id=run_id, model_uri=source, onnx_sha256=sha256))
    model_id = source.removeprefix("models:/")
    return version, next(server.artifacts.glob(f"*/models/{model_id}/artifacts/model.onnx"))


def start(environment: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    """The server's process, with nothing of ours in its environment but ``environment``."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("ORRERY_")}
    return subprocess.Popen(
        [sys.executable, "-m", "include.serving", *arguments],
        env={**kept, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=die_with_parent,  # noqa: PLW1509 - before the exec it calls the kernel only
    )


@contextmanager
def run_server(environment: dict[str, str], *arguments: str) -> Iterator[str]:
    """The process, answering at the URL; at the end of the block it is told to stop, and does."""
    port = find_free_port()
    process = start(environment, "--port", str(port), *arguments)
    url = f"http://127.0.0.1:{port}"

    def is_up() -> bool:
        assert process.poll() is None, process.communicate()[0]
        try:
            return get(f"{url}/healthz").status_code == 200
        except httpx.TransportError:
            return False

    try:
        wait_until(is_up)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate()
    assert process.returncode in (0, -signal.SIGTERM)
    assert "Application shutdown complete" in output
    assert "Traceback" not in output


@pytest.mark.parametrize("missing", ["ORRERY_WAREHOUSE_URI", "ORRERY_MLFLOW_URI"])
def test_an_address_that_is_missing_is_named(missing: str) -> None:
    addresses = {"ORRERY_WAREHOUSE_URI": "postgresql://h/w", "ORRERY_MLFLOW_URI": "http://h"}
    del addresses[missing]
    process = start(addresses)
    output, _ = process.communicate()
    assert process.returncode == 1
    assert f"{missing} is not set" in output
    assert "Traceback" not in output


@pytest.mark.parametrize(
    ("variables", "arguments", "problem"),
    [
        ({}, (), "ORRERY_SERVER_TOKENS names no caller"),
        ({}, ("--host", "0.0.0.0"), "ORRERY_SERVER_TOKENS names no caller"),
        ({}, ("--open", "--host", "0.0.0.0"), "--open lets everybody in, and 0.0.0.0 is reached from elsewhere"),
        ({"ORRERY_SERVER_TOKENS": "web:predict:too-short"}, (), "the token of 'web' has fewer than 24 characters"),
        ({"ORRERY_SERVER_TOKENS_FILE": "/nowhere/tokens"}, (), "/nowhere/tokens cannot be read"),
    ],
)
def test_nothing_is_served_while_it_is_not_clear_who_may_ask(
    variables: dict[str, str], arguments: tuple[str, ...], problem: str
) -> None:
    process = start({**NOWHERE, **variables}, *arguments)
    output, _ = process.communicate()
    assert process.returncode == 1
    assert problem in output
    assert "Traceback" not in output
    assert "too-short" not in output


def test_a_server_that_is_open_on_purpose_asks_for_no_token_and_still_for_its_name() -> None:
    with run_server(NOWHERE, "--open") as url:
        assert httpx.get(f"{url}/metrics").status_code == 200
        assert httpx.get(f"{url}/metrics", headers={"Host": "rebound.example"}).status_code == 403


def test_tokens_are_changed_in_the_file_while_the_server_runs(tmp_path: Path) -> None:
    file = tmp_path / "tokens"

    def put(token: str) -> None:
        file.with_suffix(".new").write_text(f"admin:admin:{token}")
        file.with_suffix(".new").replace(file)

    def is_known(token: str) -> bool:
        return httpx.get(f"{url}/models", headers={"Authorization": f"Bearer {token}"}).status_code == 200

    before, after = "the-token-that-was-there-before", "the-token-that-comes-afterwards"
    put(before)
    with run_server({**NOWHERE, "ORRERY_SERVER_TOKENS_FILE": str(file)}) as url:
        assert is_known(before)
        assert not is_known(after)
        put(after)
        wait_until(lambda: is_known(after))
        assert not is_known(before)


def test_a_model_whose_file_is_wrong_is_named_and_the_others_are_served(
    config_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (config_folder / "models" / "wrong.yml").write_text("taks: binary")
    served: list[str] = []
    monkeypatch.setattr(sys, "argv", ["serving"])
    monkeypatch.setenv("ORRERY_WAREHOUSE_URI", "postgresql://h/w")
    monkeypatch.setenv("ORRERY_MLFLOW_URI", "http://h")
    monkeypatch.setenv("ORRERY_MODEL_FOLDER", str(tmp_path / "models"))
    monkeypatch.setenv("ORRERY_CONFIG_DIR", str(config_folder))
    monkeypatch.setattr(serving, "ModelServer", lambda _, models, *__, **___: served.extend(models))
    monkeypatch.setattr(serving, "create_app", lambda *_: None)
    monkeypatch.setenv("ORRERY_SERVER_TOKENS", ENTRIES)
    monkeypatch.setattr(serving.uvicorn, "run", lambda *_, **__: None)

    serving.main()

    assert served == [MODEL]
    [line] = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert "'wrong' is not served" in line
    assert "did you mean 'task'?" in line


def test_it_serves_the_declared_models_and_a_file_that_was_changed_is_never_asked(
    online_uri: str, registry: MlflowServer, config_folder: Path, onnx_folder: Path, tmp_path: Path
) -> None:
    champion, _ = register(online_uri, registry, (onnx_folder / "good.onnx").read_bytes())
    challenger, stored = register(online_uri, registry, (onnx_folder / "other.onnx").read_bytes())
    stored.write_bytes(stored.read_bytes() + b"\0")
    with open_session(online_uri) as session:
        session.execute("update serving.rollouts set champion_version = %s", (champion,))
    environment = {
        "ORRERY_WAREHOUSE_URI": online_uri,
        "ORRERY_MLFLOW_URI": registry.uri,
        "ORRERY_MODEL_FOLDER": str(tmp_path / "models"),
        "ORRERY_CONFIG_DIR": str(config_folder),
        "ORRERY_LINEAGE_SPOOL": str(tmp_path / "spool"),
        "ORRERY_SERVER_TOKENS": ENTRIES,
    }
    with run_server(environment) as url:
        wait_until(lambda: get(f"{url}/readyz").status_code == 200)
        assert [model["name"] for model in get(f"{url}/models").json()["models"]] == [MODEL]
        assert (tmp_path / "models" / MODEL / str(champion) / "model.onnx").is_file()
        with open_session(online_uri) as session:
            start_canary(session, require_rollout(session, MODEL), challenger, 1.0)

        def has_failed() -> bool:
            answer = predict(url, by_key(1))
            assert (answer.status_code, answer.json()["model_version"]) == (200, champion)
            return any(slot["status"] == "failed" for slot in show(url)["versions"])

        wait_until(has_failed)
        assert predict(url, by_key(1)).json()["variant"] == "champion"
        wait_until(lambda: any(row["variant"] == "challenger" for row in read_log(online_uri)))
        declaration = (config_folder / "models" / f"{MODEL}.yml").read_text()
        (config_folder / "models" / "breakdowns.yml").write_text(declaration)
        wait_until(lambda: get(f"{url}/models/breakdowns").status_code == 200)
    errors = [row["error"] for row in read_log(online_uri) if row["variant"] == "challenger"]
    assert all("is not the one that was tested" in error for error in errors)
    with open_session(online_uri) as session:
        events = session.fetch_value(
            "select count(*) from governance.lineage_events where event::text like %s", (f"%model_server.{MODEL}%",)
        )
    assert events == 1


def test_a_registered_version_answers_like_its_file_and_an_unknown_one_is_an_error(
    online_uri: str, registry: MlflowServer, onnx_folder: Path, tmp_path: Path
) -> None:
    content = (onnx_folder / "good.onnx").read_bytes()
    version, _ = register(online_uri, registry, content)
    load = make_registry_loader(online_uri, registry.uri, tmp_path)
    model, file = load(MODEL, version), OnnxModel(content)
    rows = [make_features(1), {**make_features(2), "load_28d": None}]
    expected = file.predict(from_rows(rows, file.contract.features))
    assert (model.version, model.contract) == (version, file.contract)
    assert model.predict(rows).tolist() == expected.tolist()
    with pytest.raises(RegistryError, match=f"has no version {version + 1000} in ml.versions"):
        load(MODEL, version + 1000)


def test_a_version_that_only_mlflow_knows_is_not_served(
    online_uri: str, registry: MlflowServer, onnx_folder: Path, tmp_path: Path
) -> None:
    """Somebody has deleted the model in MLflow and registered another file, which is version 1 there again."""
    content = (onnx_folder / "other.onnx").read_bytes()
    with open_run(registry.uri, MODEL, "by hand", {}) as mlflow:
        source = log_onnx(content, OnnxModel(content).contract)
        run_id = mlflow.active_run().info.run_id
    with MlflowRest(registry.uri) as rest:
        rest.send("registered-models/create", {"name": MODEL})
        body = {"name": MODEL, "source": source, "run_id": run_id, "model_id": source.removeprefix("models:/")}
        assert rest.send("model-versions/create", body)["model_version"]["version"] == "1"
    load = make_registry_loader(online_uri, registry.uri, tmp_path)
    with pytest.raises(RegistryError, match="has no version 1 in"):
        load(MODEL, 1)
    version, _ = register(online_uri, registry, (onnx_folder / "good.onnx").read_bytes())
    assert version == 1
    assert load(MODEL, 1).contract == OnnxModel((onnx_folder / "good.onnx").read_bytes()).contract
