"""Events arrive once and whole, or wait; nothing that is no event holds up the others."""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from include.errors import WarehouseError
from include.governance.carrier import carry_batch, carry_inline
from include.governance.spool import Spool
from include.servers.ports import find_free_port
from include.servers.postgres import PostgresServer
from include.settings import load_settings
from include.settings.governance import LineageSettings
from include.warehouse.session import open_session
from tests.unit.governance.conftest import count_events

# After this long Airflow's listener kills the process that emits ([openlineage] execution_timeout).
OPENLINEAGE_EXECUTION_TIMEOUT_S = 10


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


@pytest.fixture
def settings() -> LineageSettings:
    return load_settings().lineage


def encode_event(**changes: Any) -> bytes:
    event = {
        "eventType": "COMPLETE",
        "eventTime": "2026-11-22T12:00:00Z",
        "run": {"runId": str(uuid4())},
        "job": {"namespace": "default", "name": "dag.task"},
        **changes,
    }
    return json.dumps(event).encode()


def test_a_batch_is_stored_and_leaves_the_spool(spool: Spool, warehouse_uri: str) -> None:
    for _ in range(3):
        spool.append(encode_event())

    assert carry_batch(spool, warehouse_uri, 2) == 2
    assert carry_batch(spool, warehouse_uri, 2) == 1
    assert carry_batch(spool, warehouse_uri, 2) == 0
    assert count_events(warehouse_uri) == 3


def test_an_event_that_was_stored_but_not_removed_is_not_stored_again(spool: Spool, warehouse_uri: str) -> None:
    payload = encode_event()
    spool.append(payload)
    carry_batch(spool, warehouse_uri, 10)
    spool.append(payload)

    assert carry_batch(spool, warehouse_uri, 10) == 1
    assert count_events(warehouse_uri) == 1
    assert spool.list_waiting() == []


def test_what_is_no_event_is_put_aside_and_the_rest_arrives(spool: Spool, warehouse_uri: str) -> None:
    broken = spool.append(b"{ no event")
    refused = spool.append(encode_event(job={"namespace": "default", "name": "no text with a \0 in PostgreSQL"}))
    spool.append(encode_event())

    carry_batch(spool, warehouse_uri, 10)

    assert count_events(warehouse_uri) == 1
    assert spool.list_waiting() == []
    reasons = {path.name: path.read_text() for path in spool.rejected_folder.glob("*.reason.txt")}
    assert reasons[f"{broken.stem}.reason.txt"].startswith("not JSON")
    assert reasons[f"{refused.stem}.reason.txt"].startswith("the warehouse refused it")


def test_while_the_warehouse_is_away_everything_waits(spool: Spool, dead_uri: str) -> None:
    spool.append(encode_event())

    with pytest.raises(WarehouseError):
        carry_batch(spool, dead_uri, 10)

    assert len(spool.list_waiting()) == 1


def test_in_a_warehouse_that_is_not_migrated_yet_everything_waits(spool: Spool, postgres: PostgresServer) -> None:
    spool.append(encode_event())

    with pytest.raises(WarehouseError, match="lineage_events"):
        carry_batch(spool, postgres.create_database("not_migrated"), 10)

    assert len(spool.list_waiting()) == 1


def test_inline_carrying_empties_the_spool(spool: Spool, settings: LineageSettings, warehouse_uri: str) -> None:
    spool.append(encode_event())

    carry_inline(spool, warehouse_uri, settings)

    assert count_events(warehouse_uri) == 1


def test_inline_carrying_leaves_it_to_the_shipper(spool: Spool, settings: LineageSettings, warehouse_uri: str) -> None:
    spool.append(encode_event())

    with spool.hold_lock():
        carry_inline(spool, warehouse_uri, settings)

    assert len(spool.list_waiting()) == 1


def test_after_a_failure_nobody_tries_for_a_while(
    spool: Spool, settings: LineageSettings, dead_uri: str, warehouse_uri: str
) -> None:
    spool.append(encode_event())

    carry_inline(spool, dead_uri, settings)
    carry_inline(spool, warehouse_uri, settings)
    assert count_events(warehouse_uri) == 0

    carry_inline(spool, warehouse_uri, settings.model_copy(update={"inline_pause_s": 0.0}))
    assert count_events(warehouse_uri) == 1


def test_a_warehouse_that_accepts_and_never_answers_costs_seconds_at_most(
    spool: Spool, settings: LineageSettings
) -> None:
    with socket.create_server(("127.0.0.1", find_free_port())) as silent:
        spool.append(encode_event())
        started = time.monotonic()

        carry_inline(spool, f"postgresql://u:p@127.0.0.1:{silent.getsockname()[1]}/w", settings)

        assert time.monotonic() - started < OPENLINEAGE_EXECUTION_TIMEOUT_S
    assert len(spool.list_waiting()) == 1
    assert spool.is_paused(60)


def test_a_locked_store_does_not_hold_up_the_pipeline(
    spool: Spool, settings: LineageSettings, warehouse_uri: str
) -> None:
    spool.append(encode_event())
    is_locked, is_done = threading.Event(), threading.Event()

    def hold_table() -> None:
        with open_session(warehouse_uri) as session:
            session.execute("lock table governance.lineage_events in access exclusive mode")
            is_locked.set()
            is_done.wait()

    blocker = threading.Thread(target=hold_table)
    blocker.start()
    is_locked.wait()
    try:
        carry_inline(spool, warehouse_uri, settings)
    finally:
        is_done.set()
        blocker.join()

    assert len(spool.list_waiting()) == 1
