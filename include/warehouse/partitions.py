"""Tables with one partition a day, made from a declaration.

A day is replaced by deleting its rows, and dropped in no time by dropping its partition. Readers and
lineage know the table only, never its partitions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from include.errors import WarehouseSchemaError
from include.warehouse.names import MAX_NAME_BYTES, TableName, quote_column
from include.warehouse.session import Session
from include.warehouse.tables import add_missing_columns, check_kind, normalize_type, read_column_types

_LOCK_CLASS: Final = 730_601
_BOUND: Final = re.compile(r"FOR VALUES FROM \('(\d{4,}-\d\d-\d\d)'\) TO \('(\d{4,}-\d\d-\d\d)'\)")


@dataclass(frozen=True)
class DayPartition:
    """One partition and the day whose rows it holds."""

    day: date
    table: TableName


def ensure_partitioned_table(
    session: Session, table: TableName, columns: Mapping[str, str], key: Sequence[str], partition_column: str
) -> None:
    """Make a table partitioned by day as declared, or add the columns that were declared since.

    Args:
        columns: names and SQL types; those of the key are never null, all others may be.
        key: the primary key; it contains ``partition_column``.
        partition_column: of type ``date``.

    Raises:
        WarehouseSchemaError: the declaration is none of a partitioned table, or the table that is there has
            another key, other types, or columns that are not declared.
    """
    _check_declaration(table, columns, key, partition_column)
    _take_lock(session, table)
    if not check_kind(session, table, "p"):
        defined = ", ".join(f"{quote_column(name)} {data_type}" for name, data_type in columns.items())
        keys = ", ".join(quote_column(name) for name in key)
        session.execute(f'create schema if not exists "{table.schema}"')
        session.execute(
            f"create table {table.quoted} ({defined}, primary key ({keys})) "
            f"partition by range ({quote_column(partition_column)})"
        )
        return
    _check_key(session, table, columns, key)
    add_missing_columns(
        session, table, columns, key,
        f"Move the table away (alter table {table} rename to …; its partitions too) and let the next run make it "
        "anew, or declare the column as it is.",
    )  # fmt: skip


def ensure_day_partitions(session: Session, table: TableName, days: Iterable[date]) -> list[TableName]:
    """Make the partitions of the days that have none; readers and writers of other days are not held up.

    Returns:
        the partitions that were made, named ``<table>_YYYYMMDD``.

    Raises:
        WarehouseSchemaError: the table is not partitioned, or a partition's name is taken.
    """
    wanted = sorted(set(days))
    if not _find_missing(session, table, wanted):
        return []
    _take_lock(session, table)
    return [_make_partition(session, table, day) for day in _find_missing(session, table, wanted)]


def list_partitions(session: Session, table: TableName) -> list[DayPartition]:
    """The day partitions of a table, oldest first; none where there is no such table."""
    # The bounds are text in the session's style of dates.
    session.execute("select set_config('DateStyle', 'ISO, YMD', true)")
    rows = session.fetch_all(
        "select n.nspname, c.relname, pg_get_expr(c.relpartbound, c.oid) as bound from pg_catalog.pg_inherits as i "
        "join pg_catalog.pg_class as c on c.oid = i.inhrelid "
        "join pg_catalog.pg_namespace as n on n.oid = c.relnamespace "
        "where i.inhparent = to_regclass(%s) and c.relispartition",
        (table.quoted,),
    )
    found = []
    for row in rows:
        bound = _BOUND.fullmatch(row["bound"])
        if bound and date.fromisoformat(bound[2]) - date.fromisoformat(bound[1]) == timedelta(days=1):
            found.append(DayPartition(date.fromisoformat(bound[1]), TableName(row["nspname"], row["relname"])))
    return sorted(found, key=lambda one: one.day)


def find_parents(session: Session, tables: Iterable[TableName]) -> dict[TableName, TableName]:
    """Those of the tables that are partitions, each with the partitioned table that it belongs to."""
    wanted = list(tables)
    rows = session.fetch_all(
        "select wanted.*, n.nspname as parent_schema, p.relname as parent_name "
        "from unnest(%s::text[], %s::text[]) as wanted (schema_name, table_name) "
        "join pg_catalog.pg_namespace as own on own.nspname = wanted.schema_name "
        "join pg_catalog.pg_class as c on c.relnamespace = own.oid and c.relname = wanted.table_name "
        "join pg_catalog.pg_class as p on p.oid = pg_partition_root(c.oid) "
        "join pg_catalog.pg_namespace as n on n.oid = p.relnamespace where c.relispartition",
        ([table.schema for table in wanted], [table.name for table in wanted]),
    )
    return {
        TableName(row["schema_name"], row["table_name"]): TableName(row["parent_schema"], row["parent_name"])
        for row in rows
    }


def name_partition(table: TableName, day: date) -> TableName:
    """``ml.scores`` of 9 March 2026 → ``ml.scores_20260309``.

    Raises:
        WarehouseSchemaError: the name is longer than PostgreSQL keeps.
    """
    name = f"{table.name}_{day:%Y%m%d}"
    if len(name) > MAX_NAME_BYTES:
        raise WarehouseSchemaError(
            f"{table} cannot have a partition {name}: it has {len(name)} characters, {MAX_NAME_BYTES} are kept. "
            "Shorten the table's name."
        )
    return TableName(table.schema, name)


def _check_declaration(table: TableName, columns: Mapping[str, str], key: Sequence[str], partition_column: str) -> None:
    name_partition(table, date.max)
    unknown = [name for name in key if name not in columns]
    if unknown or partition_column not in key or normalize_type(columns[partition_column]) != "date":
        raise WarehouseSchemaError(
            f"{table} cannot be partitioned by day: its key ({', '.join(key)}) must be made of its columns and "
            f"contain {partition_column!r}, of type date. Correct the declaration."
        )


def _check_key(session: Session, table: TableName, columns: Mapping[str, str], key: Sequence[str]) -> None:
    rows = session.fetch_all(
        "select a.attname from pg_catalog.pg_index as i "
        "cross join unnest(i.indkey) with ordinality as position (attnum, number) "
        "join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attnum = position.attnum "
        "where i.indrelid = to_regclass(%s) and i.indisprimary order by position.number",
        (table.quoted,),
    )
    types = read_column_types(session, table)
    present = [f"{row['attname']} {types[row['attname']]}" for row in rows]
    declared = [f"{name} {normalize_type(columns[name])}" for name in key]
    if present != declared:
        raise WarehouseSchemaError(
            f"{table} has the key ({', '.join(present)}), declared is ({', '.join(declared)}). Rows of two keys cannot "
            f"stand in one table: rename {table} and its partitions, and let the next run make it anew."
        )


def _find_missing(session: Session, table: TableName, wanted: Sequence[date]) -> list[date]:
    present = {one.day for one in list_partitions(session, table)}
    return [day for day in wanted if day not in present]


def _make_partition(session: Session, table: TableName, day: date) -> TableName:
    """Make one partition beside the table and attach it: ``create table … partition of`` would lock readers out."""
    partition = name_partition(table, day)
    if not check_kind(session, table, "p"):
        raise WarehouseSchemaError(f"There is no table {table} to make the partition of {day} in. Make it first.")
    if check_kind(session, partition, "r"):
        raise WarehouseSchemaError(
            f"{partition} exists and is no partition of {table}. Rename or drop it, and run again."
        )
    session.execute(f"create table {partition.quoted} (like {table.quoted} including all)")
    session.execute(
        f"alter table {table.quoted} attach partition {partition.quoted} "
        f"for values from ('{day}') to ('{day + timedelta(days=1)}')"
    )
    return partition


def _take_lock(session: Session, table: TableName) -> None:
    """Until the transaction ends, nobody else makes this table, changes its columns or makes a partition of it."""
    session.execute("select pg_advisory_xact_lock(%s, hashtext(%s))", (_LOCK_CLASS, str(table)))
