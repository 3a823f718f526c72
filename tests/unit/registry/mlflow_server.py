"""A real MLflow server on loopback, one for the whole test process."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import httpx

from include.local.ports import find_free_port

ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    # Off, or the server starts eight more processes for jobs that nothing here asks for.
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}


@dataclass(frozen=True)
class MlflowServer:
    """Where the server answers, and where it keeps the artifacts."""

    uri: str
    artifacts: Path


@cache
def start_shared_server() -> MlflowServer:
    """Start it at the first call; it ends with the process that runs the tests."""
    folder = tempfile.TemporaryDirectory(prefix="mlflow-")
    root = Path(folder.name)
    port = find_free_port()
    command = [
        sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{root / 'mlflow.db'}",
        "--artifacts-destination", str(root / "artifacts"), "--serve-artifacts",
    ]  # fmt: skip
    log = (root / "server.log").open("w")
    server = subprocess.Popen(
        command, stdout=log, stderr=log, env=os.environ | ENVIRONMENT, cwd=root, start_new_session=True
    )
    atexit.register(folder.cleanup)
    atexit.register(log.close)
    atexit.register(stop_group, server)
    wait_until_healthy(server, f"http://127.0.0.1:{port}", root / "server.log")
    return MlflowServer(f"http://127.0.0.1:{port}", root / "artifacts")


def wait_until_healthy(server: subprocess.Popen[bytes], uri: str, log: Path) -> None:
    """Return when the server answers; fail with its log when it died."""
    while server.poll() is None:
        try:
            if httpx.get(f"{uri}/health").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise RuntimeError(f"MLflow ended with {server.returncode}:\n{log.read_text()[-3000:]}")


def stop_group(server: subprocess.Popen[bytes]) -> None:
    """End the server and the workers that it started."""
    if server.poll() is None:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()
