"""The lineage store: what is asked of ``governance.lineage_events``."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Final

from include.governance.commit_facet import COMMIT_FACET
from include.governance.datasets import keep_flow
from include.governance.events import LineageRecord
from include.warehouse.names import TableName
from include.warehouse.session import Session

DATA_SCHEMAS: Final = (
    "landing", "raw", "intermediate", "features", "online", "history", "ml", "monitoring", "quality", "serving",
    "governance",
)  # fmt: skip
"""Schemas whose tables the loop writes. ``staging`` holds views, which store nothing and which dbt
reports with the models that it built."""
_PART: Final = "^[a-z_][a-z0-9_]{0,62}$"


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

    Only committed outputs count: those that carry the facet ``orrery_commit``, however their run ended,
    and those of a run that is COMPLETE, as a foreign run's and dbt's are. A run that only started, runs,
    failed or was aborted has produced nothing else.
    """
    rows = session.fetch_all(
        f"""
        select distinct on (dataset)
            split_part(dataset, '.', 2) as schema_name,
            split_part(dataset, '.', 3) as table_name,
            job_name
        from (
            select
                output ->> 'name' as dataset,
                events.job_name,
                events.event_time
            from governance.lineage_events as events
            cross join lateral jsonb_array_elements(
                case when cardinality(events.outputs) > 0 then events.event -> 'outputs' else '[]' end
            ) as output
            where output ->> 'namespace' like 'postgres://%%'
                and split_part(output ->> 'name', '.', 1) = current_database()
                and split_part(output ->> 'name', '.', 2) ~ '{_PART}'
                and split_part(output ->> 'name', '.', 3) ~ '{_PART}'
                and (
                    output #>> '{{facets,{COMMIT_FACET},committedAt}}' is not null
                    or events.event_type = 'COMPLETE'
                    or exists (
                        select 1 from governance.lineage_events as ended
                        where ended.run_id = events.run_id and ended.event_type = 'COMPLETE'
                    )
                )
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

    A partition counts as its table. PostgreSQL counts rows of committed and of rolled-back work alike, and
    reports them a moment after the session that wrote them ends.
    """
    rows = session.fetch_all(
        "select distinct n.nspname, c.relname from pg_catalog.pg_stat_user_tables as s "
        "join pg_catalog.pg_class as c on c.oid = coalesce(pg_partition_root(s.relid), s.relid) "
        "join pg_catalog.pg_namespace as n on n.oid = c.relnamespace "
        "where s.schemaname = any(%s) and s.n_tup_ins + s.n_tup_upd > 0 order by n.nspname, c.relname",
        (list(DATA_SCHEMAS),),
    )
    return keep_flow(TableName(row["nspname"], row["relname"]) for row in rows)
