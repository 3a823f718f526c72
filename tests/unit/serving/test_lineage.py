"""The model server's own run in the lineage store."""

from __future__ import annotations

from pathlib import Path

from include.governance.carrier import carry_batch
from include.governance.spool import Spool
from include.governance.store import find_unproduced
from include.local.ports import find_free_port
from include.serving.lineage import report_serving
from include.settings import load_settings
from include.warehouse.names import TableName
from include.warehouse.session import open_session

LOG = TableName("serving", "inference_log")


def test_the_inference_log_gets_a_producer(warehouse_uri: str, tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    with open_session(warehouse_uri) as session:
        assert find_unproduced(session, [LOG]) == [LOG]

    report_serving(spool, warehouse_uri, "churn", load_settings().governance.lineage)
    carry_batch(spool, warehouse_uri, 10)

    with open_session(warehouse_uri) as session:
        assert find_unproduced(session, [LOG]) == []


def test_a_warehouse_that_is_away_neither_stops_the_server_nor_loses_the_event(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    nobody = f"postgresql://nobody:secret@127.0.0.1:{find_free_port()}/warehouse"

    report_serving(spool, nobody, "churn", load_settings().governance.lineage)

    waiting = spool.list_waiting()
    assert len(waiting) == 1
    assert "secret" not in waiting[0].read_text()
