"""A worker is killed in the middle of a load: what is published is as it was, and the next try is as a first one."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from datetime import timedelta

import psycopg
import pytest

from include.ingestion.plan import LoadItem
from include.servers.postgres import PostgresServer
from tests.integration.conftest import COPYING, HASHING, INSERTING, NEXT_DAY, make_pipeline
from tests.unit.ingestion.conftest import DAY, ROWS, Pipeline, Plant

pytestmark = pytest.mark.integration

FREE_DAY = NEXT_DAY + timedelta(days=1)
Work = Callable[[Pipeline, list[LoadItem]], object]


def land(pipeline: Pipeline, items: list[LoadItem]) -> None:
    pipeline.land(items)


def land_and_publish(pipeline: Pipeline, items: list[LoadItem]) -> None:
    pipeline.land(items)
    pipeline.approve()
    pipeline.publish(items)


def die_before_publishing(pipeline: Pipeline, items: list[LoadItem]) -> None:
    pipeline.audit(pipeline.land(items))
    os.kill(os.getpid(), signal.SIGKILL)


def kill_during(pipeline: Pipeline, work: Work, items: list[LoadItem], sign: str | None = None) -> None:
    """Do the work in a process of its own, and kill that once the query ``sign`` finds a row (or it kills itself)."""
    worker = multiprocessing.get_context("spawn").Process(target=work, args=(pipeline, items))
    worker.start()
    with psycopg.connect(pipeline.uri, autocommit=True) as connection:
        while sign and worker.is_alive():
            if connection.execute(sign).fetchone() is not None:
                worker.kill()
                break
            time.sleep(0.002)
    worker.join()
    assert worker.exitcode == -signal.SIGKILL, "the work was over before it was killed"


def hash_published(pipeline: Pipeline) -> dict[str, str]:
    """All rows of what is published, without the moments at which it was."""
    return pipeline.hash_tables(*(f"raw.{name}" for name in pipeline.settings.sources), "raw.arrivals")


@pytest.fixture(scope="module")
def clean(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What is published of the same deliveries on a warehouse of their own, loaded without a fault."""
    uri = postgres.create_database("clean", template="warehouse_template")
    clean = make_pipeline(uri, tmp_path_factory.mktemp("clean"))
    for day in (DAY, NEXT_DAY):
        land_and_publish(clean, clean.plan(day))
    return hash_published(clean)


@pytest.mark.parametrize(
    ("work", "sign"),
    [(land, COPYING), (land_and_publish, INSERTING), (land_and_publish, HASHING)],
    ids=["landing", "inserting", "hashing"],
)
def test_a_worker_that_is_killed_leaves_no_trace_and_the_next_try_equals_a_clean_run(
    pipeline: Pipeline, clean: dict[str, str], work: Work, sign: str
) -> None:
    items, before = pipeline.plan(NEXT_DAY), hash_published(pipeline)

    kill_during(pipeline, work, items, sign)

    assert hash_published(pipeline) == before
    land_and_publish(pipeline, items)
    assert hash_published(pipeline) == clean


def test_a_worker_that_is_killed_between_audit_and_publish_publishes_nothing_and_the_next_task_does(
    pipeline: Pipeline,
) -> None:
    Plant(pipeline.root).write_day(FREE_DAY)
    items, before = pipeline.plan(FREE_DAY), hash_published(pipeline)

    kill_during(pipeline, die_before_publishing, items)

    assert hash_published(pipeline) == before
    assert pipeline.publish(items)["rows"]["readings"] == ROWS
