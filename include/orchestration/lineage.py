"""Lineage of ordinary tasks: observed, not declared.

    @task
    @traced
    def publish() -> dict[str, object]: ...

Every statement and every bulk write goes through ``include.warehouse``, which reports the tables that it
reads, and those that it writes once they are committed; ``traced`` collects them and reports them to
OpenLineage as datasets of this very task run.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from include.governance.observed import describe_trace, is_flow_touched
from include.orchestration.connections import read_warehouse_uri
from include.warehouse.trace import TableTrace, trace_tables

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")


def traced(function: Callable[P, R]) -> Callable[P, R]:
    """Report the tables that a task function reads and writes as lineage of its task."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        with report_tables():
            return function(*args, **kwargs)

    return call


@contextmanager
def report_tables(find_uri: Callable[[], str] = read_warehouse_uri) -> Iterator[TableTrace]:
    """Collect what the block reads and writes and report it when it ends, even by an exception.

    Reporting never fails the task: whatever goes wrong is logged.

    Args:
        find_uri: names the warehouse; called at the end of the block.
    """
    with trace_tables() as trace:
        try:
            yield trace
        finally:
            try:
                report_trace(trace, find_uri)
            except Exception as error:
                log.warning("The lineage of this task was not reported: %s", error)


def report_trace(trace: TableTrace, find_uri: Callable[[], str]) -> None:
    """Send one OpenLineage event with what was observed; nothing when no table of the flow was touched.

    What the task wrote and rolled back is not in it; what it committed is, also when the task fails.
    """
    from airflow.providers.openlineage.api import emit_dataset_lineage, is_openlineage_active

    if not is_flow_touched(trace) or not is_openlineage_active():
        return
    inputs, outputs = describe_trace(trace, find_uri())
    emit_dataset_lineage(inputs=inputs, outputs=outputs)
