"""Remembers which tables a piece of work read and wrote.

``session`` and ``arrow`` report here; whoever opened :func:`trace_tables` gets the sum. A read is reported
at once, a write only when its transaction was committed: what was rolled back has produced nothing.
Outside of a trace, reporting costs one look at a context variable. Reporting never fails the work
itself: a statement that cannot be parsed is logged and left out.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from include.errors import WarehouseError
from include.warehouse.names import TableName, parse_table

log = logging.getLogger(__name__)

_NO_DATA: Final = ("pg_catalog", "information_schema", "pg_temp")
# They touch no rows, and sqlglot warns of those that it does not know.
_NO_ROWS: Final = re.compile(r"\s*(alter|analyze|comment|drop|set)\b", re.IGNORECASE)
# What the driver, or PostgreSQL alone, understands, and what sqlglot reads in its place.
_REWRITES: Final = (
    (re.compile("%%"), "%"),
    (re.compile("%s"), "null"),
    (re.compile(r"\bon\s+commit\s+(drop|delete\s+rows|preserve\s+rows)", re.IGNORECASE), ""),
)


@dataclass
class TableTrace:
    """Tables whose rows were read, and those whose new rows were committed, in the order of their first touch.

    Attributes:
        writes: with the time of their last commit.
        notes: what the work found out about tables, for whoever reports the trace.
        outer: the trace around this one; it gets what this one gets.
    """

    reads: dict[TableName, None] = field(default_factory=dict)
    writes: dict[TableName, datetime] = field(default_factory=dict)
    notes: dict[TableName, list[Any]] = field(default_factory=dict)
    outer: TableTrace | None = None

    def add_read(self, table: TableName) -> None:
        """Note a table as read."""
        self.reads.setdefault(table)
        if self.outer is not None:
            self.outer.add_read(table)

    def add_write(self, table: TableName, at: datetime) -> None:
        """Note a table as written by a transaction that was committed."""
        self.writes[table] = at
        if self.outer is not None:
            self.outer.add_write(table, at)

    def add_note(self, table: TableName, note: Any) -> None:
        """Keep something that was found out about a table."""
        self.notes.setdefault(table, []).append(note)
        if self.outer is not None:
            self.outer.add_note(table, note)


class PendingWrites:
    """Tables that a transaction has written and not committed yet.

    Each belongs to the trace in which its statement ran, also where the transaction outlives that trace.
    """

    def __init__(self) -> None:
        self._tables: list[tuple[TableTrace, TableName]] = []

    def add_statement(self, sql: str) -> None:
        """Report what a statement reads at once, and keep what it writes until :meth:`commit`."""
        trace = _active.get()
        if trace is None:
            return
        reads, writes = read_statement(sql)
        for table in reads:
            trace.add_read(table)
        self._tables += [(trace, table) for table in writes]

    def commit(self) -> None:
        """Report the writes: call it once they are committed."""
        at = datetime.now(UTC)
        for trace, table in self._tables:
            trace.add_write(table, at)
        self._tables = []

    def mark(self) -> int:
        """A moment of the transaction, for :meth:`discard`."""
        return len(self._tables)

    def discard(self, mark: int = 0) -> None:
        """Forget the writes since a moment (all by default): they were rolled back."""
        del self._tables[mark:]


_active: ContextVar[TableTrace | None] = ContextVar("active_table_trace", default=None)


@contextmanager
def trace_tables() -> Iterator[TableTrace]:
    """Collect what is read, and what is written and committed, by the block; a trace around this one gets it too."""
    trace = TableTrace(outer=_active.get())
    token = _active.set(trace)
    try:
        yield trace
    finally:
        _active.reset(token)


def record_read(table: str | TableName) -> None:
    """Report a table as read."""
    trace = _active.get()
    if trace is not None:
        trace.add_read(parse_table(table))


def record_write(table: str | TableName) -> None:
    """Report a table as written; only after its rows were committed."""
    trace = _active.get()
    if trace is not None:
        trace.add_write(parse_table(table), datetime.now(UTC))


def record_note(table: str | TableName, note: Any) -> None:
    """Tell whoever reports the trace what was found out about a table; what it wrote, only after the commit."""
    trace = _active.get()
    if trace is not None:
        trace.add_note(parse_table(table), note)


def read_statement(sql: str) -> tuple[tuple[TableName, ...], tuple[TableName, ...]]:
    """:func:`find_tables`; nothing, and a warning, for a statement that cannot be parsed."""
    from sqlglot.errors import SqlglotError

    if _NO_ROWS.match(sql) and ";" not in sql:
        return (), ()
    try:
        return find_tables(sql)
    except (SqlglotError, RecursionError) as error:
        log.warning("No lineage for a statement that cannot be parsed (%s): %.200s", error, sql)
        return (), ()


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
    if not table.db or table.db in _NO_DATA:
        return None
    try:
        return TableName(table.db.lower(), table.name.lower())
    except WarehouseError:
        return None
