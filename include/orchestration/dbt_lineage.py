"""Lineage of a dbt run under Cosmos: what dbt itself wrote down, node by node.

Give :func:`emit_dbt_lineage` to Cosmos as ``operator_args={"callback": emit_dbt_lineage}``; it is called
after the dbt command with the folder that holds ``target/``.

Cosmos reports a run too, by its operators' ``get_openlineage_facets_on_complete``: in
``ExecutionMode.WATCHER`` one event that names every input and every output of the whole build, which
reads as edges from each to each. Our own tasks (``dbt_build``) make none. That of any other operator of
Cosmos is built after this callback from the operator's ``openlineage_events_completes``, which the
callback therefore empties once its own events are out; if they could not be emitted, Cosmos's event stands.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from include.governance.datasets import DatasetNames, find_columns
from include.governance.dbt_artifacts import load_run
from include.governance.dbt_events import EventContext, build_events, list_tables
from include.orchestration.connections import read_warehouse_uri

log = logging.getLogger(__name__)


def emit_dbt_lineage(project_dir: str, *, context: Any, find_uri: Callable[[], str] = read_warehouse_uri) -> None:
    """Emit the events of the dbt run in ``project_dir``; a failure is logged and never fails the task.

    Args:
        context: Airflow's task context, as Cosmos passes it.
        find_uri: names the warehouse that dbt built in.
    """
    from airflow.providers.openlineage.api import is_openlineage_active

    if not is_openlineage_active():
        return
    try:
        count = emit_run(Path(project_dir) / "target", context["ti"], find_uri())
    except Exception as error:
        log.warning("The lineage of this dbt run was not reported: %s: %s", type(error).__name__, error)
        return
    context["task"].openlineage_events_completes = []
    log.info("Reported the lineage of this dbt run in %d events.", count)


def emit_run(target: Path, ti: Any, uri: str) -> int:
    """Emit the events of the artifacts in ``target``; how many there were."""
    from airflow.providers.openlineage.api import emit
    from airflow.providers.openlineage.plugins.macros import lineage_job_namespace

    run = load_run(target)
    context = EventContext(
        names=DatasetNames.from_uri(uri),
        columns=find_columns(uri, list_tables(run)),
        job_namespace=lineage_job_namespace(),
        run_facets={"parent": describe_parent(ti)},
    )
    events = build_events(run, context)
    for event in events:
        emit(event)
    return len(events)


def describe_parent(ti: Any) -> Any:
    """The running Airflow task, and the DAG run at the root of it, as a parent facet."""
    from airflow.providers.openlineage.plugins import macros
    from openlineage.client.facet_v2 import parent_run

    return parent_run.ParentRunFacet(
        run=parent_run.Run(runId=macros.lineage_run_id(ti)),
        job=parent_run.Job(namespace=macros.lineage_job_namespace(), name=macros.lineage_job_name(ti)),
        root=parent_run.Root(
            run=parent_run.RootRun(runId=macros.lineage_root_run_id(ti)),
            job=parent_run.RootJob(
                namespace=macros.lineage_root_job_namespace(ti), name=macros.lineage_root_job_name(ti)
            ),
        ),
    )
