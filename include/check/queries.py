"""What a query says of columns: which it returns, of which type, and which it reads that are not there.

Only what is certain is told: a table whose columns are not known, or SQL that sqlglot cannot read, tells nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_DIALECT: Final = "postgres"
# Columns that every table has, and words that PostgreSQL takes without brackets and sqlglot for columns.
_ALWAYS_THERE: Final = frozenset(
    {
        "cmax", "cmin", "ctid", "tableoid", "xmax", "xmin", "current_catalog", "current_role", "current_schema",
        "session_user", "user", "excluded",
    }
)  # fmt: skip
_DEPTH: Final = 200

Columns = Mapping[str, str | None]
"""Columns with their types, where these are known."""
Tables = Mapping[tuple[str, str], Columns]
"""Tables, by schema and name, whose columns are known."""


@dataclass(frozen=True, order=True)
class AbsentColumn:
    """A column that a query reads and that is not there; ``table`` is empty where no single one is meant."""

    column: str
    table: tuple[str, str] | None
    known: tuple[str, ...] = ()


def _is_alias(scope: Any, column: Any) -> bool:
    """Whether a column stands where the names of what is selected count, and is one of them."""
    from sqlglot import expressions as exp

    place = column.find_ancestor(exp.Group, exp.Order, exp.Distinct, exp.Select)
    return not isinstance(place, exp.Select) and column.name in scope.expression.named_selects


def _name_output(projection: Any) -> str:
    """The name of a column that is selected; empty where PostgreSQL makes one up."""
    from sqlglot import expressions as exp

    while isinstance(projection, exp.Cast | exp.Paren):
        projection = projection.this
    return str(projection.alias_or_name) if isinstance(projection, exp.Alias | exp.Column) else ""


class Query:
    """One query.

    Raises:
        Exception: sqlglot cannot read it.
    """

    def __init__(self, sql: str, tables: Tables) -> None:
        import sqlglot
        from sqlglot.optimizer.normalize_identifiers import normalize_identifiers
        from sqlglot.optimizer.scope import build_scope

        tree = normalize_identifiers(sqlglot.parse_one(sql, dialect=_DIALECT), dialect=_DIALECT)
        self._root, self._tables = build_scope(tree), tables
        if self._root is None:
            raise ValueError("it is no query")

    def find_columns(self) -> Columns | None:
        """The columns that it returns; None where they cannot be told."""
        return self._list_columns(self._root, 0)

    def find_absent(self) -> list[AbsentColumn]:
        """The columns that it reads and that are not there, each once."""
        found: set[AbsentColumn] = set()
        for scope in self._root.traverse():
            found |= set(self._check_scope(scope))
        return sorted(found, key=lambda one: (one.column, one.table or ("", "")))

    def _list_columns(self, source: Any, depth: int) -> Columns | None:
        """The columns of a table or of a query within; None where they cannot be told."""
        from sqlglot import expressions as exp

        if isinstance(source, exp.Table):
            return self._tables.get((source.db, source.name))
        if depth > _DEPTH or not isinstance(source.expression, exp.Select | exp.SetOperation):
            return None
        if isinstance(source.expression, exp.SetOperation):
            return self._list_columns(source.set_operation_scopes[0], depth + 1)
        columns: dict[str, str | None] = {}
        for projection in source.expression.selects:
            if projection.is_star:
                starred = self._expand(source, projection, depth)
                if starred is None:
                    return None
                columns |= starred
            elif name := _name_output(projection):
                columns[name] = self._find_type(source, projection, depth)
            else:
                return None
        return columns

    def _expand(self, scope: Any, projection: Any, depth: int) -> Columns | None:
        """What a star stands for."""
        from sqlglot import expressions as exp

        names = [projection.table] if isinstance(projection, exp.Column) else list(scope.selected_sources)
        columns: dict[str, str | None] = {}
        for name in names:
            found = self._list_visible(scope, name, depth)
            if found is None:
                return None
            columns |= found
        return columns

    def _list_visible(self, scope: Any, name: str, depth: int) -> Columns | None:
        """The columns of what a scope knows under a name; None where its columns are renamed, too."""
        node, source = scope.selected_sources.get(name, (None, None))
        if source is None or (node is not None and node.args.get("alias") and node.args["alias"].args.get("columns")):
            return None
        parent = getattr(source, "expression", None)
        parent = parent.parent if parent is not None else None
        alias = parent.args.get("alias") if parent is not None else None
        if alias is not None and getattr(alias, "args", {}).get("columns"):
            return None
        return self._list_columns(source, depth + 1)

    def _find_type(self, scope: Any, expression: Any, depth: int) -> str | None:
        """The type of an expression in SQL's words, where it is certain."""
        from sqlglot import expressions as exp

        inner = expression.unalias()
        while isinstance(inner, exp.Paren):
            inner = inner.this
        if isinstance(inner, exp.Cast):
            return str(inner.to.sql(_DIALECT)).lower()
        if isinstance(inner, exp.Predicate | exp.Not | exp.And | exp.Or):
            return "boolean"
        if isinstance(inner, exp.Count):
            return "bigint"
        if isinstance(inner, exp.Min | exp.Max | exp.Coalesce):
            return self._find_type(scope, inner.this, depth)
        if isinstance(inner, exp.Column):
            names = [inner.table] if inner.table else list(scope.selected_sources)
            found = [self._list_visible(scope, name, depth) for name in names]
            return found[0].get(inner.name) if len(found) == 1 and found[0] else None
        return None

    def _check_scope(self, scope: Any) -> Iterator[AbsentColumn]:
        from sqlglot import expressions as exp

        if not isinstance(scope.expression, exp.Select):
            return
        for column in scope.columns:
            if isinstance(column.this, exp.Star) or column.name in _ALWAYS_THERE:
                continue
            if column.table:
                known = self._list_visible(scope, column.table, 0)
                if known is not None and column.name not in known:
                    yield AbsentColumn(column.name, self._name_table(scope, column.table), tuple(known))
            elif column.find_ancestor(exp.Select) is scope.expression:
                absent = self._check_bare(scope, column.name)
                if absent is not None and not _is_alias(scope, column):
                    yield absent

    def _check_bare(self, scope: Any, name: str) -> AbsentColumn | None:
        """A column that is named without its table, which may be any of the query or of those around it."""
        known: dict[str, str | None] = {}
        outer, names = scope, list(scope.selected_sources)
        while outer is not None:
            if name in outer.selected_sources:
                return None
            for one in outer.selected_sources:
                found = self._list_visible(outer, one, 0)
                if found is None:
                    return None
                known |= found
            outer = outer.parent if outer.can_be_correlated else None
        if not known or name in known:
            return None
        return AbsentColumn(name, self._name_table(scope, names[0]) if len(names) == 1 else None, tuple(known))

    def _name_table(self, scope: Any, name: str) -> tuple[str, str] | None:
        """The table behind a name, also where queries that pass all its columns on stand between."""
        from sqlglot import expressions as exp

        for _ in range(_DEPTH):
            source = scope.selected_sources.get(name, (None, None))[1]
            if isinstance(source, exp.Table):
                return source.db, source.name
            selects = getattr(getattr(source, "expression", None), "selects", [])
            if source is None or [one.is_star for one in selects] != [True] or len(source.selected_sources) != 1:
                return None
            scope, name = source, next(iter(source.selected_sources))
        return None
