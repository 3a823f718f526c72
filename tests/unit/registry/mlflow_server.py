"""A real MLflow server on loopback, one for the whole test process, with which it ends."""

from __future__ import annotations

import atexit
import os
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from include.commands.console import read_tail
from include.local.components import run_module
from include.local.environment import base_environment
from include.local.health import answers_at
from include.servers.leash import start_leashed
from include.servers.ports import find_free_port
from include.settings import PROJECT_ROOT


@dataclass(frozen=True)
class MlflowServer:
    """Where the server answers, and where it keeps the artifacts."""

    uri: str
    artifacts: Path


@cache
def start_shared_server() -> MlflowServer:
    """Start it at the first call; it ends with the process that runs the tests, however that ends."""
    folder = tempfile.TemporaryDirectory(prefix="mlflow-")
    atexit.register(folder.cleanup)
    return start_server(Path(folder.name))


def start_server(folder: Path) -> MlflowServer:
    """Start a server that keeps everything in ``folder``."""
    server = MlflowServer(f"http://127.0.0.1:{find_free_port()}", folder / "artifacts")
    environment = {
        **base_environment(os.environ),
        "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{folder / 'mlflow.db'}",
        "MLFLOW_ARTIFACTS_DESTINATION": str(server.artifacts),
    }
    command = run_module("include.servers.mlflow_server", "--port", server.uri.rpartition(":")[2])
    log = folder / "server.log"
    leash = start_leashed(command, log, environment=environment, cwd=PROJECT_ROOT)
    atexit.register(leash.end)
    while not answers_at(f"{server.uri}/health"):
        if leash.poll() is not None:
            raise RuntimeError(f"MLflow ended with {leash.poll()}:\n{read_tail(log)}")
        time.sleep(0.1)
    return server
