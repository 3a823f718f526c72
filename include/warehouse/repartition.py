"""Makes of a plain table one that is partitioned by day, with its rows, and with the views that read it."""

from __future__ import annotations

from contextvars import Context
from typing import Final

from include.errors import WarehouseSchemaError
from include.warehouse.names import TableName, quote_column
from include.warehouse.partitions import ensure_day_partitions
from include.warehouse.session import Session
from include.warehouse.tables import find_kind

_PLAIN_SUFFIX: Final = "_plain"


def partition_by_day(session: Session, table: TableName, partition_column: str) -> bool:
    """Partition a plain table within the caller's transaction, during which nobody reads it; views on it come back.

    What nobody declares (grants on the table, grants and options of its views) is to be given again.

    Args:
        partition_column: of type ``date``, never null.

    Returns:
        whether there was a plain table.

    Raises:
        WarehouseSchemaError: something other than a view depends on the table, or PostgreSQL refuses another form of
            it, such as a unique index without the partition column; it stays as it is.
    """
    import psycopg

    if find_kind(session, table) != "r":
        return False
    try:
        # In a context without a trace: the same rows in another form are no input and no output of a task.
        Context().run(_move_rows, session, table, partition_column)
    except psycopg.DatabaseError as error:
        raise WarehouseSchemaError(
            f"{table} cannot be partitioned by {partition_column}: {str(error).strip()}. It is as it was. Change or "
            "drop what is named, and run again."
        ) from error
    return True


def _move_rows(session: Session, table: TableName, partition_column: str) -> None:
    views = _read_views(session, table)
    for view, _ in reversed(views):
        session.execute(f"drop view {view}")
    plain = TableName(table.schema, table.name + _PLAIN_SUFFIX)
    session.execute(f"alter table {table.quoted} rename to {quote_column(plain.name)}")
    column = quote_column(partition_column)
    session.execute(f"create table {table.quoted} (like {plain.quoted} including all) partition by range ({column})")
    days = session.fetch_all(f"select distinct {column} as day from {plain.quoted}")
    ensure_day_partitions(session, table, [row["day"] for row in days])
    session.execute(f"insert into {table.quoted} select * from {plain.quoted}")
    session.execute(f"drop table {plain.quoted}")
    for view, query in views:
        session.execute(f"create view {view} as {query}")


def _read_views(session: Session, table: TableName) -> list[tuple[str, str]]:
    """The views that read a table, also through others, each after those that it reads: quoted name and query.

    Raises:
        WarehouseSchemaError: something else depends on the table, such as a materialized view.
    """
    rows = session.fetch_all(
        "with recursive readers as ("
        "  select to_regclass(%s)::oid as id, 0 as depth union "
        "  select rule.ev_class, readers.depth + 1 from readers "
        "  join pg_catalog.pg_depend as d on d.refclassid = 'pg_class'::regclass and d.refobjid = readers.id "
        "    and d.classid = 'pg_rewrite'::regclass "
        "  join pg_catalog.pg_rewrite as rule on rule.oid = d.objid and rule.ev_class <> readers.id"
        ") select n.nspname, c.relname, c.relkind::text as kind, pg_get_viewdef(c.oid) as query "
        "from (select id, max(depth) as depth from readers where depth > 0 group by id) as found "
        "join pg_catalog.pg_class as c on c.oid = found.id "
        "join pg_catalog.pg_namespace as n on n.oid = c.relnamespace order by found.depth, c.oid",
        (table.quoted,),
    )
    others = [f"{row['nspname']}.{row['relname']}" for row in rows if row["kind"] != "v"]
    if others:
        raise WarehouseSchemaError(
            f"{table} is to be partitioned by day, and {', '.join(others)} depends on it, which is no plain view. "
            "Drop it, run again, then make it anew."
        )
    return [(f"{quote_column(row['nspname'])}.{quote_column(row['relname'])}", row["query"]) for row in rows]
