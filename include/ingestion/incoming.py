"""The tables that deliveries are read into, and how one becomes ``landing.<source>``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import Context
from datetime import date

from include.settings.source_base import SourceBase
from include.settings.source_names import SQL_TYPES
from include.warehouse.names import TableName, quote_column
from include.warehouse.session import Session, open_session


@contextmanager
def make_incoming(uri: str, source: SourceBase) -> Iterator[TableName]:
    """A table of the source's columns that nobody else knows, dropped at the end unless it was renamed.

    What landings that died have left is dropped first: a table is named by the server's process of its landing.

    Raises:
        WarehouseError: the warehouse cannot be reached.
    """
    import psycopg

    with open_session(uri) as session:
        _drop_abandoned(session)
        table = TableName("incoming", f"backend_{session.fetch_value('select pg_backend_pid()')}")
        session.execute(f"drop table if exists {table.quoted}")
        session.execute(f"create unlogged table {table.quoted} ({define_columns(source)})")
        session.commit()
        try:
            yield table
        finally:
            with suppress(psycopg.Error):  # the next landing does it
                session.execute(f"drop table if exists {table.quoted}")
                session.commit()


def _drop_abandoned(session: Session) -> None:
    rows = session.fetch_all(
        "select c.relname from pg_catalog.pg_class as c join pg_catalog.pg_namespace as n on n.oid = c.relnamespace "
        "where n.nspname = 'incoming' and c.relkind = 'r' "
        "and not exists (select from pg_catalog.pg_stat_activity where c.relname = 'backend_' || pid)"
    )
    for row in rows:
        session.execute(f"drop table if exists {TableName('incoming', row['relname']).quoted}")


def list_columns(source: SourceBase) -> dict[str, str]:
    """The columns of a landing table with their SQL types: as delivered, then ``day`` and ``batch_day``."""
    columns = {name: SQL_TYPES[column.type] for name, column in source.columns.items()}
    if source.event_column is not None:
        columns["day"] = "date"
    return {**columns, "batch_day": "date"}


def define_columns(source: SourceBase) -> str:
    """The same in SQL."""
    return ", ".join(f"{quote_column(name)} {kind}" for name, kind in list_columns(source).items())


def drop_days(session: Session, incoming: TableName, days: list[date]) -> None:
    """Leave out what was read of some days."""
    session.execute(f"delete from {incoming.quoted} where batch_day = any(%s)", (days,))


def replace_rows(session: Session, table: TableName, source: SourceBase, incoming: TableName, days: list[date]) -> None:
    """Put the incoming rows in the place of those of ``days``; rows of other batches that are under way stay."""
    session.fetch_all(  # as everybody does: the rows first, in order, and then the table
        "select batch_day from landing.deliveries where source = %s order by batch_day for update", (table.name,)
    )
    session.execute(
        "delete from landing.deliveries where source = %s and (batch_day = any(%s) "
        "or state in ('published', 'refused') or landed_at < now() - interval '1 day')",
        (table.name, days),
    )
    others = session.fetch_all(
        "select batch_day from landing.deliveries where source = %s order by batch_day", (table.name,)
    )
    if not others:
        session.execute(f"drop table if exists {table.quoted}")
        session.execute(f"alter table {incoming.quoted} rename to {quote_column(table.name)}")
        session.execute(f'alter table "{incoming.schema}"."{table.name}" set schema "{table.schema}"')
        return
    kept = [row["batch_day"] for row in others]
    session.execute(f"delete from {table.quoted} where not (batch_day = any(%s))", (kept,))
    columns = ", ".join(map(quote_column, list_columns(source)))
    insert = f"insert into {table.quoted} ({columns}) select {columns} from {incoming.quoted}"
    # In a context without a trace: what is read was written by the same landing.
    Context().run(session.execute, insert)
