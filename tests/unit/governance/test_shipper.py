"""The shipper as a real process: it drains, waits out an absent warehouse, and survives being killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from include.governance.shipper import ship
from include.governance.spool import Spool
from include.settings import PROJECT_ROOT, load_settings
from tests.processes import die_with_parent
from tests.unit.governance.conftest import count_events

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


@pytest.fixture
def start(spool: Spool) -> Iterator[Start]:
    """Start shippers on the spool; what is still alive at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start_shipper(*arguments: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "include.governance.shipper", *arguments],
            cwd=PROJECT_ROOT,
            env={
                **{key: value for key, value in os.environ.items() if key not in ("AIRFLOW_CONN_WAREHOUSE",)},
                "ORRERY_LINEAGE_SPOOL": str(spool.folder),
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - before the exec it calls the kernel only
        )
        started.append(process)
        return process

    yield start_shipper
    for process in started:
        process.kill()
        process.communicate()


def append_events(spool: Spool, count: int) -> None:
    for _ in range(count):
        event: dict[str, Any] = {"eventType": "COMPLETE", "eventTime": "2026-11-22T12:00:00Z"}
        spool.append(json.dumps({**event, "run": {"runId": str(uuid4())}}).encode())


def wait_until(is_true: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait as long as the process lives."""
    while not is_true():
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.02)


def test_once_drains_and_prints_the_count(spool: Spool, start: Start, warehouse_uri: str) -> None:
    append_events(spool, 7)

    process = start("--once", ORRERY_WAREHOUSE_URI=warehouse_uri)
    output, _ = process.communicate()

    assert output == "7 lineage events carried\n"
    assert process.returncode == 0
    assert count_events(warehouse_uri) == 7


def test_once_says_when_the_warehouse_is_away(spool: Spool, start: Start, dead_uri: str) -> None:
    append_events(spool, 1)

    process = start("--once", ORRERY_WAREHOUSE_URI=dead_uri)
    _, errors = process.communicate()

    assert process.returncode == 1
    assert "cannot be reached" in errors
    assert len(spool.list_waiting()) == 1


def test_without_a_warehouse_it_names_the_variables(start: Start) -> None:
    process = start("--once", ORRERY_WAREHOUSE_URI="")
    _, errors = process.communicate()

    assert process.returncode == 1
    assert "ORRERY_WAREHOUSE_URI" in errors


def test_it_carries_until_told_to_stop_and_drains_once_more(spool: Spool, start: Start, warehouse_uri: str) -> None:
    process = start(AIRFLOW_CONN_WAREHOUSE=warehouse_uri, ORRERY_WAREHOUSE_URI="")
    append_events(spool, 3)
    wait_until(lambda: count_events(warehouse_uri) == 3, process)

    append_events(spool, 2)
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate()

    assert process.returncode == 0
    assert "Stopped after 5 events" in log
    assert count_events(warehouse_uri) == 5


def test_a_killed_shipper_loses_and_doubles_nothing(spool: Spool, start: Start, warehouse_uri: str) -> None:
    total = 0
    for _ in range(3):
        append_events(spool, 300)
        total += 300
        process = start(ORRERY_WAREHOUSE_URI=warehouse_uri)
        wait_until(lambda: len(spool.list_waiting()) < 300, process)
        process.kill()
        process.wait()

    start("--once", ORRERY_WAREHOUSE_URI=warehouse_uri).communicate()

    assert count_events(warehouse_uri) == total


def test_a_second_shipper_keeps_off(spool: Spool, start: Start, warehouse_uri: str) -> None:
    with spool.hold_lock():
        process = start("--once", ORRERY_WAREHOUSE_URI=warehouse_uri)
        _, errors = process.communicate()

    assert process.returncode == 1
    assert "Another shipper" in errors


def test_it_waits_longer_and_longer_for_the_warehouse(spool: Spool, dead_uri: str) -> None:
    settings = load_settings().lineage.model_copy(update={"retry_first_s": 1.0, "retry_max_s": 5.0})
    append_events(spool, 1)
    waits: list[float] = []

    class StopAfterFive(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout or 0.0)
            if len(waits) == 5:
                self.set()
            return True

    assert ship(spool, dead_uri, settings, StopAfterFive()) == 0
    assert waits == [1.0, 2.0, 4.0, 5.0, 5.0]
    assert len(spool.list_waiting()) == 1
