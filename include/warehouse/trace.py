"""Remembers which tables a piece of work read and wrote.

``session`` and ``arrow`` report here; whoever opened :func:`trace_tables` gets the sum. Outside of
a trace, reporting costs one look at a context variable.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from include.warehouse.names import TableName, parse_table


@dataclass
class TableTrace:
    """Tables read and written, in the order in which they were first touched."""

    reads: dict[TableName, None] = field(default_factory=dict)
    writes: dict[TableName, None] = field(default_factory=dict)


_active: ContextVar[TableTrace | None] = ContextVar("active_table_trace", default=None)


@contextmanager
def trace_tables() -> Iterator[TableTrace]:
    """Collect what is read and written inside the block."""
    trace = TableTrace()
    token = _active.set(trace)
    try:
        yield trace
    finally:
        _active.reset(token)


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
    reads, writes = find_tables(sql)
    for table in reads:
        record_read(table)
    for table in writes:
        record_write(table)


def find_tables(sql: str) -> tuple[list[TableName], list[TableName]]:
    """The tables with a schema that a statement reads, and those that it writes."""
    import sqlglot
    from sqlglot import expressions as exp

    reads: list[TableName] = []
    writes: list[TableName] = []
    for statement in sqlglot.parse(sql.replace("%s", "null"), dialect="postgres"):
        if statement is None:
            continue
        target = _find_target(statement)
        for table in statement.find_all(exp.Table):
            if table.db and table.db not in ("pg_catalog", "information_schema"):
                name = TableName(table.db.lower(), table.name.lower())
                (writes if table is target else reads).append(name)
    return reads, writes


def _find_target(statement: Any) -> Any:
    """The table node that a data-changing statement writes to; None for a query or DDL on schemas."""
    from sqlglot import expressions as exp

    if isinstance(statement, exp.Insert | exp.Update | exp.Delete | exp.Merge | exp.Create | exp.Drop):
        this = statement.this
        return this.this if isinstance(this, exp.Schema) else this
    if isinstance(statement, exp.TruncateTable):
        return statement.expressions[0] if statement.expressions else None
    return None
