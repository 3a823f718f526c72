"""Which columns a query's columns come from, read out of its SQL.

Direct edges carry values into a column; indirect ones decide which rows there are (joins, filters,
grouping). Kinds are those of OpenLineage's ColumnLineageDatasetFacet, version 1-2-0.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from include.errors import WarehouseError
from include.governance.datasets import Columns
from include.warehouse.names import TableName

log = logging.getLogger(__name__)

_DIALECT: Final = "postgres"
_DIRECT_KINDS: Final = ("IDENTITY", "TRANSFORMATION", "AGGREGATION")


@dataclass(frozen=True, order=True)
class SourceColumn:
    """A column of a table or view."""

    table: TableName
    column: str


@dataclass(frozen=True)
class ColumnLineage:
    """Edges of one query.

    Attributes:
        direct: output column → its sources, each with ``IDENTITY``, ``TRANSFORMATION`` or ``AGGREGATION``.
        indirect: columns that decide about rows, each with ``FILTER``, ``JOIN`` or ``GROUP_BY``.
    """

    direct: Mapping[str, Mapping[SourceColumn, str]] = field(default_factory=dict)
    indirect: Mapping[SourceColumn, str] = field(default_factory=dict)


def trace_columns(sql: str, columns: Columns, database: str) -> ColumnLineage:
    """Read the column edges out of a query; none where it cannot be read.

    Args:
        columns: of the tables that the query reads: ``select *`` is resolved with them.
        database: the name under which fully qualified tables stand in the SQL.
    """
    try:
        return _trace(sql, columns, database)
    except Exception as error:  # sqlglot meets new SQL in many ways; lineage of tables remains
        log.warning("No column lineage (%s: %s) for: %.200s", type(error).__name__, error, sql)
        return ColumnLineage()


def _trace(sql: str, columns: Columns, database: str) -> ColumnLineage:
    import sqlglot
    from sqlglot.lineage import lineage
    from sqlglot.optimizer.qualify import qualify
    from sqlglot.optimizer.scope import build_scope
    from sqlglot.schema import MappingSchema

    schema = MappingSchema(_nest(columns, database), dialect=_DIALECT)
    query = qualify(
        sqlglot.parse_one(sql, dialect=_DIALECT),
        schema=schema,
        dialect=_DIALECT,
        validate_qualify_columns=False,
        identify=False,
    )
    scope = build_scope(query)
    if scope is None:
        return ColumnLineage()
    nodes = lineage(None, query, schema, dialect=_DIALECT, scope=scope, trim_selects=False, copy=False)
    direct = {name: _find_sources(node) for name, node in nodes.items()}
    return ColumnLineage(direct, _find_deciding_columns(scope, schema))


def _nest(columns: Columns, database: str) -> dict[str, Any]:
    """Columns as sqlglot wants them; their types do not matter here, and odd ones would not parse."""
    nested: dict[str, dict[str, dict[str, str]]] = {}
    for table, known in columns.items():
        nested.setdefault(table.schema, {})[table.name] = {column.name: "text" for column in known}
    return {database: nested}


def _find_sources(root: Any) -> dict[SourceColumn, str]:
    """The tables' columns at the leaves below a lineage node, each with the strongest kind on its way."""
    strongest: dict[SourceColumn, int] = {}
    seen: set[tuple[int, int]] = set()
    waiting = [(root, 0)]
    while waiting:
        node, rank = waiting.pop()
        if (id(node), rank) in seen:
            continue
        seen.add((id(node), rank))
        source = None if node.downstream else _read_leaf(node)
        if source is not None:
            strongest[source] = max(rank, strongest.get(source, 0))
        waiting += [(child, max(rank, _rank(node.expression))) for child in node.downstream]
    return {source: _DIRECT_KINDS[rank] for source, rank in sorted(strongest.items())}


def _rank(expression: Any) -> int:
    """How much a projection does to its columns, as an index into the direct kinds."""
    from sqlglot import expressions as exp

    inner = expression.unalias()
    if isinstance(inner, exp.Column | exp.Query | exp.Table):
        return 0
    return 2 if inner.find(exp.AggFunc) and not inner.find(exp.Window) else 1


def _read_leaf(node: Any) -> SourceColumn | None:
    """The column of a table at the end of an edge; None for literals and for what has no column."""
    from sqlglot import expressions as exp

    table = node.expression
    column = node.name.rpartition(".")[2]
    if not isinstance(table, exp.Table) or not table.db or column == "*":
        return None
    try:
        return SourceColumn(TableName(table.db, table.name), column)
    except WarehouseError:
        return None


def _find_deciding_columns(root: Any, schema: Any) -> dict[SourceColumn, str]:
    from sqlglot.lineage import to_node
    from sqlglot.optimizer.scope import Scope

    found: dict[SourceColumn, str] = {}
    cache: dict[Any, Any] = {}
    for scope in root.traverse():
        for column, kind in _find_clause_columns(scope):
            source = scope.sources.get(column.table)
            if isinstance(source, Scope):
                node = to_node(column.name, source, _DIALECT, schema, trim_selects=False, _cache=cache)
                for leaf in _find_sources(node):
                    found.setdefault(leaf, kind)
            elif source is not None and source.db:
                found.setdefault(SourceColumn(TableName(source.db, source.name), column.name), kind)
    return dict(sorted(found.items()))


def _find_clause_columns(scope: Any) -> Iterator[tuple[Any, str]]:
    """The columns in a scope's own joins, filters and groupings."""
    from sqlglot import expressions as exp
    from sqlglot.optimizer.scope import find_all_in_scope

    select = scope.expression
    clauses = [(join.args.get("on"), "JOIN") for join in select.args.get("joins") or []]
    clauses += [(select.args.get(name), "FILTER") for name in ("where", "having")]
    clauses += [(select.args.get("group"), "GROUP_BY")]
    for clause, kind in clauses:
        if clause is not None:
            for column in find_all_in_scope(clause, exp.Column):
                yield column, kind
