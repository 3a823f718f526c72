"""Events as an OpenLineage client makes them, and a warehouse that is sometimes away."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from include.servers.ports import find_free_port
from include.servers.postgres import PostgresServer
from include.warehouse.session import open_session
from tests.unit.governance.shop_project import build_project, fill_source, write_project


@pytest.fixture
def make_event() -> Callable[[], Any]:
    """A factory of finished runs, each another one."""
    from openlineage.client.event_v2 import Job, OutputDataset, Run, RunEvent, RunState

    def make() -> Any:
        return RunEvent(
            eventType=RunState.COMPLETE,
            eventTime=datetime.now(UTC).isoformat(),
            run=Run(runId=str(uuid4())),
            job=Job(namespace="default", name="dag.task"),
            producer="https://example.test/orrery",
            outputs=[OutputDataset(namespace="postgres://h:5432", name="db.raw.t")],
        )

    return make


@pytest.fixture
def dead_uri() -> str:
    """The address of a warehouse that is away."""
    return f"postgresql://nobody:x@127.0.0.1:{find_free_port()}/none"


def count_events(uri: str) -> int:
    """Events in the lineage store."""
    with open_session(uri) as session:
        return int(session.fetch_value("select count(*) from governance.lineage_events"))


@pytest.fixture(scope="session")
def dbt_uri(postgres: PostgresServer) -> str:
    """The warehouse in which the small dbt project was built."""
    return postgres.create_database("dbt_shop", template="warehouse_template")


@pytest.fixture(scope="session")
def dbt_target(dbt_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The target folder of one real run of the small dbt project."""
    fill_source(dbt_uri)
    return build_project(write_project(tmp_path_factory.mktemp("shop")), dbt_uri)
