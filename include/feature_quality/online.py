"""Writes the online table of a feature group: the rows that have changed, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from include.errors import FeatureError
from include.features.catalog import FeatureGroup
from include.warehouse.names import TableName, quote_column
from include.warehouse.session import Session


@dataclass(frozen=True)
class ColumnCopy:
    """Columns that a table has taken over as they are in another one, for whoever reports lineage."""

    source: TableName
    columns: tuple[str, ...]


@dataclass(frozen=True)
class OnlineChange:
    """What became of an online table: rows that it has now, and those that were inserted, changed or removed.

    Attributes:
        copy: what it was written from; to be reported once it is committed.
    """

    rows: int
    written: int
    copy: ColumnCopy


def write_online(session: Session, group: FeatureGroup) -> OnlineChange | None:
    """Bring the online table to what its dbt model has; None where dbt writes the table itself, or there is none.

    Readers go on with the old rows until the caller commits. A table of other columns is made anew.

    Raises:
        FeatureError: the dbt model has two rows of one entity, or a key that is null.
    """
    source, online = group.online_source, group.online
    if source is None or online is None or source == online:
        return None
    newest = _read_once(session, source)
    _check_keys(session, group, source, newest)
    if not _has_same_shape(session, newest, online, group.entity.key_names):
        written = _make_anew(session, newest, online, group.entity.key_names)
    else:
        written = _write_changes(session, newest, online, group.entity.key_names)
    rows = int(session.fetch_value(f"select count(*) from {online.quoted}"))
    return OnlineChange(rows, written, ColumnCopy(source, tuple(_list_columns(session, online))))


def count_differences(session: Session, group: FeatureGroup) -> int | None:
    """Entities whose online row is not their newest row of the feature table, or is on one side alone.

    None where the group has no online table.
    """
    if group.online is None:
        return None
    keys = ", ".join(map(quote_column, group.entity.key_names))
    names = (*group.entity.key_names, group.event_time, *(feature.name for feature in group.features))
    columns = ", ".join(map(quote_column, names))
    # Column by column: PostgreSQL compares whole rows of the same types only, and the online table may have others.
    newest_values, online_values = (
        ", ".join(f"{side}.{quote_column(name)}" for name in names) for side in ("newest", "online")
    )
    newest = (
        f"select distinct on ({keys}) {columns} from {group.table.quoted} "
        f"order by {keys}, {quote_column(group.event_time)} desc"
    )
    return int(
        session.fetch_value(
            f"with newest as ({newest}), online as (select {columns} from {group.online.quoted}) "
            f"select count(distinct ({keys})) from newest full join online using ({keys}) "
            f"where row({newest_values}) is distinct from row({online_values})"
        )
    )


def _read_once(session: Session, source: TableName) -> TableName:
    """A temporary table of what the dbt model has: where that is a view, each look at it reads the whole group."""
    copy = TableName("pg_temp", "newest_rows")
    session.execute(f"drop table if exists {copy.quoted}")
    session.execute(f"create temporary table newest_rows on commit drop as select * from {source.quoted}")
    session.execute(f"analyze {copy.quoted}")
    return copy


def _check_keys(session: Session, group: FeatureGroup, source: TableName, newest: TableName) -> None:
    keys = group.entity.key_names
    is_null = " or ".join(f"{quote_column(key)} is null" for key in keys)
    names = ", ".join(map(quote_column, keys))
    nulls = session.fetch_value(f"select count(*) from {newest.quoted} where {is_null}")
    doubles = session.fetch_value(
        f"select count(*) from (select from {newest.quoted} group by {names} having count(*) > 1) as entities"
    )
    if nulls or doubles:
        raise FeatureError(
            f"{source}, from which the online table of {group.name} is written, has {nulls:,} rows without a key and "
            f"{doubles:,} entities with more than one row. Correct the dbt model {group.online_model}; "
            f"{group.online} is as it was."
        )


def _has_same_shape(session: Session, newest: TableName, online: TableName, keys: Sequence[str]) -> bool:
    """Whether the online table is there with the same columns in the same order, and a primary key of the keys."""
    columns = [
        session.fetch_all(
            "select attname, format_type(atttypid, atttypmod) as kind from pg_catalog.pg_attribute "
            "where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped order by attnum",
            (table.quoted,),
        )
        for table in (newest, online)
    ]
    primary = session.fetch_all(
        "select attributes.attname from pg_catalog.pg_index as indexes join pg_catalog.pg_attribute as attributes "
        "on attributes.attrelid = indexes.indrelid and attributes.attnum = any(indexes.indkey) "
        "where indexes.indrelid = to_regclass(%s) and indexes.indisprimary",
        (online.quoted,),
    )
    return columns[0] == columns[1] and {row["attname"] for row in primary} == set(keys)


def _make_anew(session: Session, newest: TableName, online: TableName, keys: Sequence[str]) -> int:
    session.execute(f"drop table if exists {online.quoted}")
    session.execute(f"create table {online.quoted} as select * from {newest.quoted}")
    session.execute(f"alter table {online.quoted} add primary key ({', '.join(map(quote_column, keys))})")
    return int(session.fetch_value(f"select count(*) from {online.quoted}"))


def _write_changes(session: Session, newest: TableName, online: TableName, keys: Sequence[str]) -> int:
    columns = [quote_column(name) for name in _list_columns(session, online)]
    key_names = [quote_column(key) for key in keys]
    values = [column for column in columns if column not in key_names]
    same = " and ".join(f"online.{key} = newest.{key}" for key in key_names)
    update = ", ".join(f"{column} = excluded.{column}" for column in values)
    # As text, so that a changed value is found whatever its type: json, say, has no operator for equality.
    changed = (
        f"select newest.* from {newest.quoted} as newest where not exists (select from {online.quoted} as online "
        f"where {same} and online::text = newest::text)"
    )
    written = session.execute(
        f"insert into {online.quoted} ({', '.join(columns)}) {changed} on conflict ({', '.join(key_names)}) "
        f"do {f'update set {update}' if update else 'nothing'}"
    )
    return written + session.execute(
        f"delete from {online.quoted} as online where not exists (select from {newest.quoted} as newest where {same})"
    )


def _list_columns(session: Session, table: TableName) -> list[str]:
    rows = session.fetch_all(
        "select attname from pg_catalog.pg_attribute where attrelid = to_regclass(%s) and attnum > 0 "
        "and not attisdropped order by attnum",
        (table.quoted,),
    )
    return [row["attname"] for row in rows]
