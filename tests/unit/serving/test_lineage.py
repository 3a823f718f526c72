"""The model server's own runs in the lineage store."""

from __future__ import annotations

import json
from pathlib import Path

from include.governance.carrier import carry_batch
from include.governance.spool import Spool
from include.governance.store import find_unproduced
from include.servers.ports import find_free_port
from include.serving.lineage import report_serving
from include.settings import load_settings
from include.warehouse.names import TableName
from include.warehouse.session import open_session
from tests.unit.serving.live_server import MODEL

LOG = TableName("serving", "inference_log")
ONLINE = TableName("online", "machine_load_latest")


def test_the_inference_log_gets_a_producer(warehouse_uri: str, tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    with open_session(warehouse_uri) as session:
        assert find_unproduced(session, [LOG]) == [LOG]

    report_serving(spool, warehouse_uri, load_settings().lineage, MODEL, [ONLINE])
    carry_batch(spool, warehouse_uri, 10)

    with open_session(warehouse_uri) as session:
        assert find_unproduced(session, [LOG]) == []


def test_a_warehouse_that_is_away_neither_stops_the_server_nor_loses_the_event(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    nobody = f"postgresql://nobody:secret@127.0.0.1:{find_free_port()}/warehouse"

    report_serving(spool, nobody, load_settings().lineage, MODEL, [ONLINE])

    (waiting,) = spool.list_waiting()
    event = json.loads(waiting.read_text())
    assert event["job"]["name"] == f"model_server.{MODEL}"
    assert [item["name"] for item in event["inputs"]] == [
        "warehouse.online.machine_load_latest",
        "warehouse.serving.rollouts",
    ]
    assert "secret" not in waiting.read_text()
