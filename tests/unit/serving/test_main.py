"""The command that people and the stack start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from include.local.ports import find_free_port
from tests.unit.serving.live_server import get, wait_until


def start(environment: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    """The server's process, with nothing of ours in its environment but ``environment``."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("ORRERY_")}
    return subprocess.Popen(
        [sys.executable, "-m", "include.serving", *arguments],
        env={**kept, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@contextmanager
def run_server(environment: dict[str, str]) -> Iterator[str]:
    """The process, answering at the URL; at the end of the block it is told to stop, and does."""
    port = find_free_port()
    process = start(environment, "--port", str(port))
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


@pytest.mark.parametrize("missing", ["ORRERY_WAREHOUSE_URI", "ORRERY_MLFLOW_URI"])
def test_an_address_that_is_missing_is_named(missing: str) -> None:
    addresses = {"ORRERY_WAREHOUSE_URI": "postgresql://h/w", "ORRERY_MLFLOW_URI": "http://h"}
    del addresses[missing]
    process = start(addresses)
    output, _ = process.communicate()
    assert process.returncode == 1
    assert f"{missing} is not set" in output
    assert "Traceback" not in output


def test_it_starts_with_everything_away_and_ends_when_told(warehouse_uri: str) -> None:
    environment = {
        "ORRERY_WAREHOUSE_URI": warehouse_uri,
        "ORRERY_MLFLOW_URI": "http://127.0.0.1:1",
        "ORRERY_MODEL_NAME": "another",
    }
    with run_server(environment) as url:
        wait_until(lambda: "'another' has no champion" in get(f"{url}/readyz").text)
