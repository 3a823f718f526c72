"""The command that people and the stack start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import httpx
import pytest

from include.local.ports import find_free_port
from tests.unit.serving.live_server import wait_until


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """The server's process."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("ORRERY_")}
    return subprocess.Popen(
        [sys.executable, "-m", "include.serving", *arguments],
        env={**kept, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize("missing", ["ORRERY_WAREHOUSE_URI", "ORRERY_MLFLOW_URI"])
def test_an_address_that_is_missing_is_named(missing: str) -> None:
    addresses = {"ORRERY_WAREHOUSE_URI": "postgresql://h/w", "ORRERY_MLFLOW_URI": "http://h"}
    process = start(**{name: text for name, text in addresses.items() if name != missing})
    output, _ = process.communicate()
    assert process.returncode == 1
    assert f"{missing} is not set" in output


def test_it_starts_with_everything_away_and_ends_when_told(warehouse_uri: str) -> None:
    port = find_free_port()
    process = start(
        "--port", str(port), ORRERY_WAREHOUSE_URI=warehouse_uri, ORRERY_MLFLOW_URI="http://127.0.0.1:1",
        ORRERY_MODEL_NAME="another",
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"

    def is_up() -> bool:
        assert process.poll() is None, process.communicate()[0]
        try:
            return "'another' has no champion" in httpx.get(f"{url}/readyz").text
        except httpx.TransportError:
            return False

    wait_until(is_up)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate()
    assert process.returncode in (0, -signal.SIGTERM)
    assert "Application shutdown complete" in output
