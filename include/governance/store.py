"""The lineage store: what is asked of ``governance.lineage_events``."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Final

from include.governance.datasets import keep_flow
from include.governance.events import LineageRecord
from include.warehouse.names import TableName
from include.warehouse.session import Session

DATA_SCHEMAS: Final = (
    "landing", "raw", "intermediate", "features", "online", "ml", "monitoring", "quality", "serving", "governance",
)  # fmt: skip
"""Schemas whose tables the loop writes. ``staging`` holds views, which store nothing and which dbt
reports with the models that it built."""


def insert_events(session: Session, records: Sequence[LineageRecord]) -> int:
    """Store events; one that is there already is left as it is.

    Returns:
        rows that are new.
    """
    rows = [
        {
            "event_id": str(record.event_id),
            "event_time": record.event_time.isoformat(),
            "event_type": record.event_type,
            "run_id": str(record.run_id) if record.run_id else None,
            "job_namespace": record.job_namespace,
            "job_name": record.job_name,
            "inputs": record.inputs,
            "outputs": record.outputs,
            "event": record.event,
        }
        for record in records
    ]
    return session.execute(
        """
        insert into governance.lineage_events
            (event_id, event_time, event_type, run_id, job_namespace, job_name, inputs, outputs, event)
        select
            (row ->> 'event_id')::uuid,
            (row ->> 'event_time')::timestamptz,
            row ->> 'event_type',
            (row ->> 'run_id')::uuid,
            row ->> 'job_namespace',
            row ->> 'job_name',
            array(select jsonb_array_elements_text(row -> 'inputs')),
            array(select jsonb_array_elements_text(row -> 'outputs')),
            row -> 'event'
        from jsonb_array_elements(%s::jsonb) as row
        on conflict (event_id) do nothing
        """,
        (json.dumps(rows),),
    )


def list_producers(session: Session) -> dict[TableName, str]:
    """The job that newly produced each table of this database, as the newest event names it.

    An event produces what it names as output when it says RUNNING or COMPLETE: a run that only
    started, failed or was aborted has produced nothing.
    """
    rows = session.fetch_all(
        """
        select distinct on (dataset)
            split_part(dataset, '.', 2) as schema_name,
            split_part(dataset, '.', 3) as table_name,
            job_name
        from (
            select
                split_part(output, '/', 4) as dataset,
                job_name,
                event_time
            from governance.lineage_events, unnest(outputs) as output
            where event_type in ('RUNNING', 'COMPLETE')
                and output like 'postgres://%%'
                and split_part(output, '/', 4) like current_database() || '.%%.%%'
        ) as produced
        order by dataset, event_time desc
        """,
        (),
    )
    return {TableName(row["schema_name"], row["table_name"]): row["job_name"] for row in rows if row["job_name"]}


def find_unproduced(session: Session, tables: Collection[TableName]) -> list[TableName]:
    """Those of the tables that no event names as what a run produced."""
    produced = list_producers(session)
    return sorted(table for table in tables if table not in produced)


def list_written_tables(session: Session) -> list[TableName]:
    """Tables of :data:`DATA_SCHEMAS`, without the listener's, into which rows were written since the statistics began.

    PostgreSQL counts rows of committed and of rolled-back work alike, and reports them a moment after
    the session that wrote them ends.
    """
    rows = session.fetch_all(
        "select schemaname, relname from pg_stat_user_tables "
        "where schemaname = any(%s) and n_tup_ins + n_tup_upd > 0 order by schemaname, relname",
        (list(DATA_SCHEMAS),),
    )
    return keep_flow(TableName(row["schemaname"], row["relname"]) for row in rows)
