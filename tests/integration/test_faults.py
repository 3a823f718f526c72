"""The warehouse or MLflow goes away in the middle of the work: nothing is half done, and Airflow tries again."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from include.errors import RegistryError, TransientError, WarehouseError
from include.servers.ports import find_free_port
from include.servers.postgres import PostgresServer
from include.training.fit import TrainingLineage, fit_family
from include.warehouse.arrow import write_arrow
from include.warehouse.session import open_session
from tests.integration.conftest import BIG_ROWS, COPYING, HASHING, INSERTING, NEXT_DAY, WAITING
from tests.model.machines import load_training, make_frame, make_spec
from tests.unit.ingestion.conftest import DAY, ROWS, Pipeline

pytestmark = pytest.mark.integration


@dataclass
class Outage:
    """What the work raised when its server was stopped under it, and whether it was seen at work before."""

    raised: BaseException | None
    was_seen: bool


def break_during(server: PostgresServer, sign: str, work: Callable[[], Any]) -> Outage:
    """Run ``work`` and stop the server once the query ``sign`` finds a row: the work is at that place now."""
    is_over, was_seen = threading.Event(), threading.Event()

    def watch() -> None:
        with psycopg.connect(server.uri(), autocommit=True) as connection:
            while not (is_over.is_set() or was_seen.is_set()):
                if connection.execute(sign).fetchone() is not None:
                    was_seen.set()
                time.sleep(0.005)
        if was_seen.is_set():
            server.stop()

    watcher = threading.Thread(target=watch)
    watcher.start()
    raised = None
    try:
        work()
    except Exception as error:
        raised = error
    finally:
        is_over.set()
        watcher.join()
    return Outage(raised, was_seen.is_set())


def assert_retried(outage: Outage) -> None:
    """The work was cut off, by an error after which Airflow tries again."""
    assert outage.was_seen, "the work was over before it was seen"
    assert isinstance(outage.raised, WarehouseError), repr(outage.raised)
    assert isinstance(outage.raised, TransientError)
    assert decide_retry(outage.raised) != "fail"


def decide_retry(error: BaseException) -> str:
    """What Airflow does after this error, with tries left."""
    from include.orchestration.defaults import RETRY_POLICY

    return str(RETRY_POLICY.evaluate(error, try_number=1, max_tries=3).action.value)


def test_a_server_that_stops_while_rows_are_copied_leaves_raw_alone(
    server: PostgresServer, pipeline: Pipeline, airflow_home: Path
) -> None:
    items = pipeline.plan(NEXT_DAY)
    tables = ("landing.readings", "landing.deliveries", *pipeline.published)
    before = pipeline.hash_tables(*tables)

    outage = break_during(server, COPYING, lambda: pipeline.land(items))

    assert_retried(outage)
    server.start()
    assert pipeline.hash_tables(*tables) == before

    pipeline.land(items)
    pipeline.approve()
    assert pipeline.publish(items)["rows"]["readings"] == BIG_ROWS
    assert pipeline.hash_tables(*tables) != before


def test_a_server_that_stops_while_landing_is_cleared_leaves_raw_alone(
    server: PostgresServer, pipeline: Pipeline, airflow_home: Path
) -> None:
    items = pipeline.plan(NEXT_DAY)
    before = pipeline.hash_tables("landing.deliveries", *pipeline.published)

    # Its connection is ended by the stop as well, and takes the lock with it.
    holder = psycopg.connect(pipeline.uri)
    holder.execute("lock table landing.deliveries in access exclusive mode")
    outage = break_during(server, WAITING, lambda: pipeline.land(items))
    holder.close()

    assert_retried(outage)
    server.start()
    assert pipeline.hash_tables("landing.deliveries", *pipeline.published) == before

    pipeline.land(items)
    pipeline.approve()
    assert pipeline.publish(items)["rows"]["readings"] == BIG_ROWS


@pytest.mark.parametrize("sign", [INSERTING, HASHING], ids=["inserting", "hashing"])
def test_a_server_that_stops_while_a_batch_is_published_leaves_raw_alone(
    server: PostgresServer, pipeline: Pipeline, airflow_home: Path, sign: str
) -> None:
    items = pipeline.land_and_approve(NEXT_DAY)
    before = pipeline.hash_tables()

    outage = break_during(server, sign, lambda: pipeline.publish(items))

    assert_retried(outage)
    server.start()
    assert pipeline.hash_tables() == before

    assert pipeline.publish(items)["rows"]["readings"] == BIG_ROWS
    assert pipeline.fetch("select sum(row_count)::bigint as n from raw.partitions where source = 'readings'") == [
        {"n": ROWS + BIG_ROWS}
    ]


def test_a_table_that_is_being_replaced_stays_what_it_was(server: PostgresServer, uri: str, airflow_home: Path) -> None:
    write_arrow(uri, "ml.t", pa.table({"old": ["a", "b"]}), "replace")
    new = pa.table({"new": pa.array(range(3_000_000), pa.int64())})

    outage = break_during(server, COPYING, lambda: write_arrow(uri, "ml.t", new, "replace"))

    assert_retried(outage)
    server.start()
    with open_session(uri) as session:
        assert session.fetch_all("select * from ml.t order by old") == [{"old": "a"}, {"old": "b"}]

    assert write_arrow(uri, "ml.t", new, "replace") == new.num_rows
    with open_session(uri) as session:
        assert session.fetch_one("select count(*), sum(new)::bigint from ml.t") == {
            "count": 3_000_000,
            "sum": 3_000_000 * 2_999_999 // 2,
        }


def test_without_mlflow_no_family_is_fitted(airflow_home: Path) -> None:
    # Too small to learn from: had any work been begun, that would be the complaint.
    frame, spec = make_frame("binary", machines=4), make_spec("binary")
    lineage = TrainingLineage("2026-03-01T12:00:00+00:00", "data-1", "features-1", "code-1", "scientist")

    with pytest.raises(RegistryError, match="is away") as caught:
        fit_family(frame, "baseline", spec, load_training("binary"), lineage, closed_address())

    assert isinstance(caught.value, TransientError)
    assert decide_retry(caught.value) != "fail"


def closed_address() -> str:
    """An address where nobody listens."""
    return f"http://127.0.0.1:{find_free_port()}"


def test_a_crash_between_audit_and_publish_publishes_nothing(server: PostgresServer, pipeline: Pipeline) -> None:
    before = pipeline.fetch("select * from raw.readings order by series_id, part_id")
    items = pipeline.land_and_approve(DAY)
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGQUIT)  # PostgreSQL's immediate shutdown: what was not logged is gone
    while server.pid:
        time.sleep(0.1)
    server.start()
    assert pipeline.fetch("select count(*) as n from landing.readings") == [{"n": 0}]

    with pytest.raises(WarehouseError, match="run the land task again"):
        pipeline.publish(items)

    assert pipeline.fetch("select * from raw.readings order by series_id, part_id") == before
    pipeline.load(DAY)
    assert pipeline.fetch("select * from raw.readings order by series_id, part_id") == before
