"""dbt's artifacts as OpenLineage events: one pair for each node that ran, one event for each tested table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid5

from include.governance.column_lineage import ColumnLineage, SourceColumn, trace_columns
from include.governance.datasets import Columns, DatasetNames, build_inputs, build_outputs
from include.governance.dbt_artifacts import CheckRun, DbtRun, NodeRun
from include.warehouse.names import TableName

if TYPE_CHECKING:
    from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, RunEvent
    from openlineage.client.facet_v2 import RunFacet

_RUN_IDS: Final = UUID("2f0c6a6e-51c1-5b0c-8f0e-7a4b1d6b9e34")
_PRODUCER: Final = "urn:orrery:dbt"


@dataclass(frozen=True)
class EventContext:
    """What the events of one dbt run have in common.

    Attributes:
        columns: of every table that may occur.
        job_namespace: Airflow's OpenLineage namespace.
        run_facets: such as ``parent``, the Airflow task that ran dbt.
    """

    names: DatasetNames
    columns: Columns
    job_namespace: str
    run_facets: dict[str, RunFacet]


def list_tables(run: DbtRun) -> list[TableName]:
    """Every table that the events of a run will name."""
    tables = [table for build in run.list_builds() for table in (*build.inputs, build.table)]
    return sorted({*tables, *(table for check in run.list_checks() for table in check.tables)})


def build_events(run: DbtRun, context: EventContext) -> list[RunEvent]:
    """START and COMPLETE (or FAIL) for each node that ran, then the results of the tests of each table.

    The same artifacts give the same events, so that reporting twice stores them once.
    """
    events = [event for build in run.list_builds() for event in _build_pair(run, build, context)]
    return [*events, *_build_check_events(run, context)]


def _build_pair(run: DbtRun, build: NodeRun, context: EventContext) -> Iterator[RunEvent]:
    from openlineage.client.event_v2 import RunState
    from openlineage.client.facet_v2 import error_message_run

    facets: dict[str, Any] = dict(context.run_facets)
    yield _make_event(RunState.START, build.started_at, run, build.unique_id, context, facets, _describe_job(build))
    if build.failure is not None:
        facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(build.failure, "SQL")
    yield _make_event(
        RunState.COMPLETE if build.failure is None else RunState.FAIL,
        build.ended_at,
        run,
        build.unique_id,
        context,
        facets,
        _describe_job(build),
        inputs=build_inputs(context.names, build.inputs, context.columns),
        outputs=[_build_output(build, context)],
    )


def _make_event(
    state: Any,
    at: datetime,
    run: DbtRun,
    name: str,
    context: EventContext,
    run_facets: dict[str, Any],
    job_facets: dict[str, Any],
    inputs: Iterable[InputDataset] = (),
    outputs: Iterable[OutputDataset] = (),
) -> RunEvent:
    from openlineage.client.event_v2 import Job, Run, RunEvent

    job: Job = Job(namespace=context.job_namespace, name=f"dbt.{name}", facets=job_facets)
    return RunEvent(
        eventType=state,
        eventTime=at.isoformat(),
        run=Run(runId=str(uuid5(_RUN_IDS, f"{run.invocation_id}/{name}")), facets=dict(run_facets)),
        job=job,
        producer=_PRODUCER,
        inputs=list(inputs),
        outputs=list(outputs),
    )


def _describe_job(build: NodeRun) -> dict[str, Any]:
    from openlineage.client.facet_v2 import documentation_job, job_type_job, sql_job

    facets: dict[str, Any] = {
        "jobType": job_type_job.JobTypeJobFacet(processingType="BATCH", integration="DBT", jobType="MODEL")
    }
    if build.sql:
        facets["sql"] = sql_job.SQLJobFacet(query=build.sql.strip(), dialect="postgres")
    if build.description:
        facets["documentation"] = documentation_job.DocumentationJobFacet(description=build.description)
    return facets


def _build_output(build: NodeRun, context: EventContext) -> OutputDataset:
    from openlineage.client.facet_v2 import output_statistics_output_dataset

    (output,) = build_outputs(context.names, [build.table], context.columns)
    lineage = trace_columns(build.sql, context.columns, context.names.database) if build.sql else ColumnLineage()
    if lineage.direct:
        output.facets = {**(output.facets or {}), "columnLineage": build_column_facet(lineage, context.names)}
    if build.rows is not None:
        statistics = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=build.rows)
        output.outputFacets = {"outputStatistics": statistics}
    return output


def build_column_facet(lineage: ColumnLineage, names: DatasetNames) -> Any:
    """The edges of a query as OpenLineage's facet of the dataset that it made."""
    from openlineage.client.facet_v2 import column_lineage_dataset as facets

    def refer(source: SourceColumn, type_: str, subtype: str) -> facets.InputField:
        return facets.InputField(
            namespace=names.namespace,
            name=names.name_table(source.table),
            field=source.column,
            transformations=[facets.Transformation(type=type_, subtype=subtype)],
        )

    return facets.ColumnLineageDatasetFacet(
        fields={
            name: facets.Fields(inputFields=[refer(source, "DIRECT", kind) for source, kind in sources.items()])
            for name, sources in lineage.direct.items()
        },
        dataset=[refer(source, "INDIRECT", kind) for source, kind in lineage.indirect.items()],
    )


def _build_check_events(run: DbtRun, context: EventContext) -> Iterator[RunEvent]:
    """One event for each table that was tested: FAIL where a test of severity ``error`` failed."""
    from openlineage.client.event_v2 import RunState
    from openlineage.client.facet_v2 import job_type_job

    by_table: dict[TableName, list[CheckRun]] = {}
    for check in run.list_checks():
        for table in check.tables:
            by_table.setdefault(table, []).append(check)
    job_type = job_type_job.JobTypeJobFacet(processingType="BATCH", integration="DBT", jobType="TEST")
    for table, checks in by_table.items():
        is_failed = any(not check.is_passed and check.severity == "error" for check in checks)
        (dataset,) = build_inputs(context.names, [table], context.columns)
        dataset.inputFacets = {"dataQualityAssertions": _build_assertions(checks)}
        yield _make_event(
            RunState.FAIL if is_failed else RunState.COMPLETE,
            max(check.ended_at for check in checks),
            run,
            f"tests.{table}",
            context,
            context.run_facets,
            {"jobType": job_type},
            inputs=[dataset],
        )


def _build_assertions(checks: Iterable[CheckRun]) -> Any:
    from openlineage.client.facet_v2 import data_quality_assertions_dataset as facets

    return facets.DataQualityAssertionsDatasetFacet(
        assertions=[
            facets.Assertion(
                assertion=check.kind,
                name=check.name,
                success=check.is_passed,
                column=check.column,
                severity=check.severity,
                expected="0",
                actual=None if check.failures is None else str(check.failures),
            )
            for check in checks
        ]
    )
