"""The tables ``raw.<source>``, made from what sources.yml declares.

Those of daily sources are partitioned by the day of the delivery, which is what publishing replaces.
"""

from __future__ import annotations

import logging
from contextlib import nullcontext
from datetime import date, timedelta
from typing import Final

from include.ingestion.snapshots import ENDLESS
from include.settings.source_base import SourceBase
from include.settings.source_names import VALID_FROM, VALID_TO
from include.settings.sources import SourceSettings
from include.warehouse.names import TableName, quote_column, quote_text
from include.warehouse.repartition import partition_by_day
from include.warehouse.session import Session, open_session
from include.warehouse.tables import (
    ColumnDifferences,
    add_missing_columns,
    check_kind,
    compare_columns,
    find_kind,
    read_column_types,
)

log = logging.getLogger(__name__)
_LOCK: Final = 7_306_010_425
_PARTITION_COLUMN: Final = "batch_day"
_DAY_COMMENTS: Final = {
    "day": "Day of the event in the sources' time zone.",
    "batch_day": "Day of the delivery that brought the row.",
}
_VALIDITY_COMMENTS: Final = {
    VALID_FROM: "First as-of date at which the row counts: the day after it became known.",
    VALID_TO: f"First as-of date at which it does not any more; {ENDLESS} for the rows of the current snapshot.",
}


def ensure_raw_tables(session_or_uri: Session | str, sources: SourceSettings) -> None:
    """Make the published table of every source, or add the columns that were declared since.

    Run again, it changes nothing; rows that were published stay.

    Args:
        session_or_uri: an open session, whose transaction then holds the tables' locks, or a URI.

    Raises:
        WarehouseSchemaError: a table has other types than declared, columns that are not declared, or rows
            that could have no value in a new column that is not nullable.
        WarehouseError: the warehouse cannot be reached.
    """
    with open_session(session_or_uri) if isinstance(session_or_uri, str) else nullcontext(session_or_uri) as session:
        session.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
        session.execute("create schema if not exists raw")
        for name, source in sources.sources.items():
            ensure_raw_table(session, name, source)


def ensure_raw_table(session: Session, name: str, source: SourceBase) -> None:
    """Make the published table of one source (see :func:`ensure_raw_tables`)."""
    table, columns, is_daily = TableName("raw", name), source.published_types, source.grain == "daily"
    if is_daily and partition_by_day(session, table, _PARTITION_COLUMN):
        log.info("%s, which an earlier release has made, is partitioned by day now.", table)
    if check_kind(session, table, "p" if is_daily else "r"):
        if source.grain == "snapshot":
            _keep_snapshot(session, table, name)
        add_missing_columns(session, table, columns, _list_required(source), _explain_remedy(table, name))
    else:
        defined = ", ".join(
            f"{quote_column(column)} {data_type}{' not null' if column in source.validity_columns else ''}"
            for column, data_type in columns.items()
        )
        partitioned = f" partition by range ({_PARTITION_COLUMN})" if is_daily else ""
        session.execute(f"create table {table.quoted} ({defined}){partitioned}")
    if is_daily:
        _ensure_index(session, table, "day")
    _write_comments(session, table, source)


def compare_raw_table(session: Session, name: str, source: SourceBase) -> ColumnDifferences | None:
    """How the published table of one source differs from its declaration; None where there is none. Changes nothing.

    Raises:
        WarehouseSchemaError: the name belongs to what is no such table.
    """
    table, is_daily = TableName("raw", name), source.grain == "daily"
    if is_daily and find_kind(session, table) == "r":
        is_daily = False  # of an earlier release; it is partitioned by the next run
    if not check_kind(session, table, "p" if is_daily else "r"):
        return None
    return compare_columns(session, table, source.published_types, _list_required(source))


def _list_required(source: SourceBase) -> list[str]:
    return [column for column, origin in source.published_columns.items() if not _is_nullable(source, origin)]


def _keep_snapshot(session: Session, table: TableName, name: str) -> None:
    """Make of a table that an earlier release kept the newest snapshot in, without a history, its first snapshot."""
    if VALID_FROM in read_column_types(session, table):
        return
    session.execute(
        "insert into raw.snapshots (source, batch_day, known_day, row_count, content_hash, published_at) "
        "select source, batch_day, batch_day, row_count, content_hash, published_at "
        "from raw.partitions where source = %s on conflict do nothing",
        (name,),
    )
    day = session.fetch_value("select max(batch_day) from raw.snapshots where source = %s", (name,))
    first = day + timedelta(days=1) if day else date.min
    for column, value in ((VALID_FROM, first), (VALID_TO, ENDLESS)):
        session.execute(f"alter table {table.quoted} add column {column} date default '{value}'")
        session.execute(f"alter table {table.quoted} alter column {column} drop default")
        session.execute(f"alter table {table.quoted} alter column {column} set not null")


def _is_nullable(source: SourceBase, origin: str) -> bool:
    return origin in source.columns and source.columns[origin].nullable and origin not in source.key


def _explain_remedy(table: TableName, name: str) -> str:
    return (
        f"Change the columns of {name!r} in sources.yml back (a new column should be nullable), or change {table} with "
        f"alter table to fit them, or start over: drop table {table} cascade; delete from raw.partitions where "
        f"source = '{name}'; delete from raw.arrivals where source = '{name}'; delete from raw.snapshots where "
        f"source = '{name}'; then load all days again."
    )


def _ensure_index(session: Session, table: TableName, column: str) -> None:
    """An index that starts with a column, under a name that PostgreSQL picks: a source may have any other."""
    is_there = session.fetch_value(
        "select true from pg_catalog.pg_index as i join pg_catalog.pg_attribute as a "
        "on a.attrelid = i.indrelid and a.attnum = i.indkey[0] "
        "where i.indrelid = to_regclass(%s) and a.attname = %s and i.indisvalid limit 1",
        (table.quoted, column),
    )
    if not is_there:
        session.execute(f"create index on {table.quoted} ({quote_column(column)})")


def _write_comments(session: Session, table: TableName, source: SourceBase) -> None:
    """Write the comments that differ: each takes a lock that a run which publishes holds, too."""
    description = source.description or f"Rows of source {table.name} as published; key: {', '.join(source.key)}."
    texts: dict[str | None, str | None] = {
        column: source.columns[origin].description if origin in source.columns else _DAY_COMMENTS[origin]
        for column, origin in source.published_columns.items()
    }
    texts |= {column: _VALIDITY_COMMENTS[column] for column in source.validity_columns}
    texts[None] = description
    rows = session.fetch_all(
        "select a.attname, d.description from pg_catalog.pg_description as d "
        "left join pg_catalog.pg_attribute as a on a.attrelid = d.objoid and a.attnum = d.objsubid and a.attnum > 0 "
        "where d.classoid = 'pg_class'::regclass and d.objoid = to_regclass(%s)",
        (table.quoted,),
    )
    present = {row["attname"]: row["description"] for row in rows}
    for column, text in texts.items():
        if text is not None and text != present.get(column):
            what = f"column {table.quoted}.{quote_column(column)}" if column else f"table {table.quoted}"
            session.execute(f"comment on {what} is {quote_text(text)}")
