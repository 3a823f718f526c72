"""Remembers which tables a piece of work read and wrote.

``session`` and ``arrow`` report here; whoever opened :func:`trace_tables` gets the sum. Outside of
a trace, reporting costs one look at a context variable. Reporting never fails the work itself: a
statement that cannot be parsed is logged and left out.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from include.errors import WarehouseError
from include.warehouse.names import TableName, parse_table

log = logging.getLogger(__name__)

_CATALOGS: Final = ("pg_catalog", "information_schema")
# What the driver, or PostgreSQL alone, understands, and what sqlglot reads in its place.
_REWRITES: Final = (
    (re.compile("%%"), "%"),
    (re.compile("%s"), "null"),
    (re.compile(r"\bon\s+commit\s+(drop|delete\s+rows|preserve\s+rows)", re.IGNORECASE), ""),
)


@dataclass
class TableTrace:
    """Tables read and written, in the order in which they were first touched."""

    reads: dict[TableName, None] = field(default_factory=dict)
    writes: dict[TableName, None] = field(default_factory=dict)


_active: ContextVar[TableTrace | None] = ContextVar("active_table_trace", default=None)


@contextmanager
def trace_tables() -> Iterator[TableTrace]:
    """Collect what is read and written inside the block; a trace around this one gets it too."""
    trace = TableTrace()
    outer = _active.get()
    token = _active.set(trace)
    try:
        yield trace
    finally:
        _active.reset(token)
        if outer is not None:
            outer.reads.update(trace.reads)
            outer.writes.update(trace.writes)


def record_read(table: str | TableName) -> None:
    """Report a table as read."""
    trace = _active.get()
    if trace is not None:
        trace.reads.setdefault(parse_table(table))


def record_write(table: str | TableName) -> None:
    """Report a table as written."""
    trace = _active.get()
    if trace is not None:
        trace.writes.setdefault(parse_table(table))


def record_statement(sql: str) -> None:
    """Report the tables that a SQL statement reads and writes, as its syntax tree says."""
    if _active.get() is None:
        return
    from sqlglot.errors import SqlglotError

    try:
        reads, writes = find_tables(sql)
    except (SqlglotError, RecursionError) as error:
        log.warning("No lineage for a statement that cannot be parsed (%s): %.200s", error, sql)
        return
    for table in reads:
        record_read(table)
    for table in writes:
        record_write(table)


@lru_cache(maxsize=512)
def find_tables(sql: str) -> tuple[tuple[TableName, ...], tuple[TableName, ...]]:
    """The tables with a schema whose rows a statement reads, and those whose rows it changes.

    Making, changing or dropping an empty table, an index or a schema touches no rows and counts as
    neither; ``create table … as select`` counts as both.

    Raises:
        SqlglotError: the text is no PostgreSQL that sqlglot knows.
    """
    import sqlglot

    for written, meant in _REWRITES:
        sql = written.sub(meant, sql)
    reads: dict[TableName, None] = {}
    writes: dict[TableName, None] = {}
    for statement in sqlglot.parse(sql, dialect="postgres"):
        if statement is not None and _moves_rows(statement):
            _collect(statement, reads, writes)
    return tuple(reads), tuple(writes)


def _moves_rows(statement: Any) -> bool:
    from sqlglot import expressions as exp

    if isinstance(statement, exp.Create):
        return isinstance(statement.expression, exp.Query)
    return isinstance(
        statement, exp.Query | exp.Insert | exp.Update | exp.Delete | exp.Merge | exp.Copy | exp.TruncateTable
    )


def _collect(statement: Any, reads: dict[TableName, None], writes: dict[TableName, None]) -> None:
    from sqlglot import expressions as exp

    changing = statement.find_all(
        exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Create, exp.Copy, exp.TruncateTable
    )
    targets = {id(target) for node in changing for target in _find_targets(node)}
    for table in statement.find_all(exp.Table):
        name = _name_table(table)
        if name is not None:
            (writes if id(table) in targets else reads).setdefault(name)


def _find_targets(node: Any) -> list[Any]:
    """The table nodes whose rows a data-changing node writes."""
    from sqlglot import expressions as exp

    if isinstance(node, exp.TruncateTable):
        return list(node.expressions)
    if isinstance(node, exp.Copy) and not node.args.get("kind"):
        return []
    this = node.this
    return [this.this if isinstance(this, exp.Schema) else this]


def _name_table(table: Any) -> TableName | None:
    """The table's name; None without a schema, in a system catalogue, or where it is no plain identifier."""
    if not table.db or table.db in _CATALOGS:
        return None
    try:
        return TableName(table.db.lower(), table.name.lower())
    except WarehouseError:
        return None
