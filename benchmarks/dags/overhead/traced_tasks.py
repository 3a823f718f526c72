"""
### Traced tasks

Twelve tasks built as the project's are; each reads one number from the warehouse, twice, and returns
the seconds of both reads. `make bench NAME=task_overhead` compares them with empty ones. **When it fails**: the
warehouse is away.
"""

from __future__ import annotations

import time

from airflow.sdk import chain, dag, task

from include.orchestration.connections import warehouse_uri
from include.orchestration.defaults import dag_defaults
from include.orchestration.lineage import traced
from include.settings import load_settings

SETTINGS = load_settings()


def time_read(uri: str) -> float:
    """Seconds of one small query, its connection included."""
    began_at = time.perf_counter()
    from include.warehouse.session import open_session

    with open_session(uri) as session:
        session.fetch_value("select count(*) from raw.partitions")
    return time.perf_counter() - began_at


@dag(dag_id="traced_tasks", schedule=None, **dag_defaults(__doc__, "benchmark"))
def traced_tasks() -> None:
    """Wire three lanes of four steps."""

    @task
    @traced
    def read() -> list[float]:
        """One number of the warehouse, twice: the first time brings in the libraries."""
        return [time_read(warehouse_uri()) for _ in range(2)]

    for lane in range(3):
        chain(*[read.override(task_id=f"read_{lane}_{step}")() for step in range(4)])


traced_tasks()
