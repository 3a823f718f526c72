"""Tables that are made from a declaration: made when absent, given new columns, refused when they differ."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from contextvars import Context
from dataclasses import dataclass
from typing import Final

from include.errors import WarehouseSchemaError
from include.warehouse.names import TableName, quote_column
from include.warehouse.session import Session

_ALIASES: Final = {
    "bool": "boolean",
    "decimal": "numeric",
    "float4": "real",
    "float8": "double precision",
    "int": "integer",
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
    "varchar": "character varying",
}


@dataclass(frozen=True)
class ColumnDifferences:
    """How a table differs from its declaration.

    Attributes:
        missing: declared columns that it lacks.
        problems: in words, what only a person can settle.
    """

    missing: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def normalize_type(data_type: str) -> str:
    """A column type as PostgreSQL's ``format_type`` writes it: ``numeric(12, 2)`` → ``numeric(12,2)``."""
    text = re.sub(r"\s*([(),\[\]])\s*", r"\1", " ".join(data_type.lower().split()))
    base = re.split(r"[(\[]", text, maxsplit=1)[0]
    return _ALIASES.get(base, base) + text[len(base) :]


def find_kind(session: Session, table: TableName) -> str | None:
    """What the warehouse has under a name, as ``pg_class.relkind`` says: r table, p partitioned, v view ..."""
    kind = session.fetch_value(
        "select c.relkind::text from pg_catalog.pg_class as c "
        "join pg_catalog.pg_namespace as n on n.oid = c.relnamespace where n.nspname = %s and c.relname = %s",
        (table.schema, table.name),
    )
    return None if kind is None else str(kind)


def check_kind(session: Session, table: TableName, wanted: str) -> bool:
    """Whether the table is there; of another kind than ``wanted``, it is refused.

    Raises:
        WarehouseSchemaError: the name belongs to a view, an index, or a table of the other kind.
    """
    kind = find_kind(session, table)
    if kind is None or kind == wanted:
        return kind is not None
    described = {"r": "a plain table", "p": "a partitioned table", "v": "a view", "i": "an index", "I": "an index"}
    raise WarehouseSchemaError(
        f"{table} should be {described[wanted]} and is {described.get(kind, f'of kind {kind!r}')}. Look at what it "
        "holds, rename or drop it, and run again."
    )


def read_column_types(session: Session, table: TableName) -> dict[str, str]:
    """The columns of a table, in order, with their types as ``format_type`` writes them."""
    rows = session.fetch_all(
        "select a.attname, format_type(a.atttypid, a.atttypmod) as data_type from pg_catalog.pg_attribute as a "
        "join pg_catalog.pg_class as c on c.oid = a.attrelid "
        "join pg_catalog.pg_namespace as n on n.oid = c.relnamespace "
        "where n.nspname = %s and c.relname = %s and a.attnum > 0 and not a.attisdropped order by a.attnum",
        (table.schema, table.name),
    )
    return {row["attname"]: row["data_type"] for row in rows}


def add_missing_columns(
    session: Session, table: TableName, declared: Mapping[str, str], required: Collection[str], remedy: str
) -> list[str]:
    """Add the declared columns that a table lacks, and refuse every other difference.

    Args:
        declared: columns with their SQL types.
        required: columns that may not be null: a table that holds rows cannot get them.
        remedy: what to do about a difference that only a person can settle.

    Returns:
        the columns that were added.

    Raises:
        WarehouseSchemaError: a type differs, a column is not declared, or a required one is missing.
    """
    found = compare_columns(session, table, declared, required)
    if found.problems:
        raise WarehouseSchemaError(f"{table} is not as declared: {'; '.join(found.problems)}. {remedy}")
    for name in found.missing:
        session.execute(f"alter table {table.quoted} add column {quote_column(name)} {declared[name]}")
    return list(found.missing)


def compare_columns(
    session: Session, table: TableName, declared: Mapping[str, str], required: Collection[str]
) -> ColumnDifferences:
    """How the columns of a table differ from those declared (see :func:`add_missing_columns`); changes nothing."""
    present = read_column_types(session, table)
    missing = [name for name in declared if name not in present]
    problems = [
        f"column {name!r} is {present[name]}, declared is {normalize_type(declared[name])}"
        for name in declared
        if name in present and present[name] != normalize_type(declared[name])
    ]
    problems += [f"column {name!r} is not declared" for name in present if name not in declared]
    late = [name for name in missing if name in required]
    if late and _has_rows(session, table):
        problems += [f"column {name!r} is missing, may not be null, and the table holds rows" for name in late]
    return ColumnDifferences(tuple(missing), tuple(problems))


def _has_rows(session: Session, table: TableName) -> bool:
    # In a context without a trace: a table that is only looked at is no input of what is made.
    return bool(Context().run(session.fetch_value, f"select true from {table.quoted} limit 1"))
