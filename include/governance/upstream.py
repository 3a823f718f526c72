"""What a table was made from, table by table, as the lineage events say."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from include.errors import WarehouseError
from include.warehouse.names import TableName
from include.warehouse.session import Session

SOURCE_SCHEMAS: Final = frozenset({"raw", "landing"})
"""Where a way back may end: what was published, and what it came from, is the ingestion's to tell."""


@dataclass(frozen=True)
class UpstreamTrace:
    """The way back from some tables.

    Attributes:
        sources: published tables at its ends.
        unexplained: tables on the way of which no event says what they were made from.
    """

    sources: tuple[TableName, ...]
    unexplained: tuple[TableName, ...]


def trace_upstream(session: Session, tables: Collection[TableName]) -> UpstreamTrace:
    """Follow the newest event of each job that wrote a table, and the inputs of that, until published tables."""
    made_from = _list_edges(session)
    sources: set[TableName] = set()
    unexplained: set[TableName] = set()
    seen, open_ends = set(tables), list(tables)
    while open_ends:
        table = open_ends.pop()
        if table.schema in SOURCE_SCHEMAS:
            sources.add(table)
            continue
        inputs = made_from.get(table, set()) - {table}
        if not inputs:
            unexplained.add(table)
        open_ends += inputs - seen
        seen |= inputs
    return UpstreamTrace(_sort(sources), _sort(unexplained))


def _sort(tables: Collection[TableName]) -> tuple[TableName, ...]:
    return tuple(sorted(tables, key=str))


def _list_edges(session: Session) -> dict[TableName, set[TableName]]:
    """Of each table of this database, those that the jobs had read which wrote it."""
    rows = session.fetch_all(
        "select distinct written, input from (select distinct on (job_name, written) written, inputs "
        "from governance.lineage_events, unnest(outputs) as written where cardinality(inputs) > 0 "
        "order by job_name, written, event_time desc) as newest, unnest(inputs) as input"
    )
    database = session.fetch_value("select current_database()")
    edges: dict[TableName, set[TableName]] = {}
    for row in rows:
        written, read = (_parse(row[name], database) for name in ("written", "input"))
        if written and read:
            edges.setdefault(written, set()).add(read)
    return edges


def _parse(dataset: str, database: str) -> TableName | None:
    """A dataset, ``postgres://host:port/database.schema.table``, as a table; None where it is none of the database."""
    found, _, name = dataset.rpartition("/")[2].partition(".")
    schema, _, table = name.partition(".")
    try:
        return TableName(schema, table) if found == database else None
    except WarehouseError:
        return None
