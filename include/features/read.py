"""Reads features of several groups together: at as-of dates out of the offline tables, newest out of the online ones.

The first group decides which rows there are. The others add what was known then, which is their newest row at or
before the as-of date, as the online tables hold it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from include.errors import SourceError, WarehouseError
from include.features.catalog import Entity, Feature, GroupTable
from include.warehouse.arrow import read_arrow
from include.warehouse.arrow_reader import stream_arrow
from include.warehouse.session import Session

if TYPE_CHECKING:
    import pyarrow as pa

AS_OF: Final = "as_of_date"
"""What the event time is called in everything that is made from feature groups."""


@dataclass(frozen=True)
class EntityRow:
    """One entity's newest features, as a client of the model server would send them."""

    keys: dict[str, Any]
    features: dict[str, Any]
    as_of_date: date


def read_features(
    uri: str, entity: Entity, groups: Sequence[GroupTable], features: Sequence[Feature], as_of_dates: Sequence[date]
) -> pa.Table:
    """Every entity at each of the as-of dates (at least one): ``as_of_date``, the keys, the features.

    Rows are ordered by date and keys.

    Raises:
        SourceError: a table or a feature is gone.
        WarehouseError: the warehouse is away.
    """
    return read_checked(uri, _select_dates(entity, groups, features, as_of_dates), groups)


def stream_features(
    uri: str, entity: Entity, groups: Sequence[GroupTable], features: Sequence[Feature], as_of_date: date,
    rows_at_once: int,
) -> Iterator[pa.Table]:  # fmt: skip
    """The rows of :func:`read_features` of one date, so many at a time: memory holds no more of them.

    Their order, and so where they are cut, is the same each time.

    Raises:
        SourceError: a table or a feature is gone.
        WarehouseError: the warehouse is away.
    """
    sql = _select_dates(entity, groups, features, [as_of_date])
    with name_groups(groups):
        yield from stream_arrow(uri, sql, rows_at_once=rows_at_once, is_nan_missing=True)


def _select_dates(
    entity: Entity, groups: Sequence[GroupTable], features: Sequence[Feature], as_of_dates: Sequence[date]
) -> str:
    # Dates hold no quotes, and the Arrow driver takes no parameters here.
    wanted = ", ".join(f"date '{day.isoformat()}'" for day in as_of_dates)
    return (
        f"{select_features(entity, groups, features)} where g0.{_quote(groups[0].event_time)} in ({wanted}) "
        f"order by {', '.join(map(str, range(1, len(entity.keys) + 2)))}"
    )


def select_features(
    entity: Entity,
    groups: Sequence[GroupTable],
    features: Sequence[Feature],
    relations: Mapping[str, str] | None = None,
) -> str:
    """The query of :func:`read_features` without its where clause; the first group is called ``g0``.

    Its columns are ``as_of_date``, the keys and the features, in this order.

    Args:
        relations: by group, what stands in the query in place of its table.
    """
    tables = {group.name: group.table.quoted for group in groups} | dict(relations or {})
    columns = [f"g0.{_quote(groups[0].event_time)} as {AS_OF}", *(f"g0.{_quote(key)}" for key in entity.key_names)]
    aliases = {group.name: f"g{index}" for index, group in enumerate(groups)}
    columns += [_select_feature(feature, aliases[feature.group], groups) for feature in features]
    joins = [_join_group(entity, groups[0], group, aliases[group.name], tables[group.name]) for group in groups[1:]]
    return f"select {', '.join(columns)} from {tables[groups[0].name]} as g0 {' '.join(joins)}"


def _select_feature(feature: Feature, alias: str, groups: Sequence[GroupTable]) -> str:
    name = _quote(feature.name)
    if alias == "g0":
        return f"g0.{name}"
    time = next(_quote(group.event_time) for group in groups if group.name == feature.group)
    return f"case when {alias}.{time} is not null then {alias}.{name} else {alias}_before.{name} end as {name}"


def _join_group(entity: Entity, first: GroupTable, group: GroupTable, alias: str, table: str) -> str:
    """The group's row of the same date, and its newest earlier row where there is none.

    The first join reads the wanted dates once for all entities; the second is a look-up for each row that is left.
    """
    keys = " and ".join(f"{{0}}.{_quote(key)} = g0.{_quote(key)}" for key in entity.key_names)
    time, first_time = _quote(group.event_time), f"g0.{_quote(first.event_time)}"
    return (
        f"left join {table} as {alias} on {keys.format(alias)} and {alias}.{time} = {first_time} "
        f"left join lateral (select earlier.* from {table} as earlier where {alias}.{time} is null "
        f"and {keys.format('earlier')} and earlier.{time} < {first_time} order by earlier.{time} desc limit 1) "
        f"as {alias}_before on true"
    )


def read_checked(uri: str, sql: str, groups: Sequence[GroupTable]) -> pa.Table:
    """Run a query over feature tables; a table or column that is gone is a SourceError that names the groups."""
    with name_groups(groups):
        return read_arrow(uri, sql, is_nan_missing=True)


@contextmanager
def name_groups(groups: Sequence[GroupTable]) -> Iterator[None]:
    """Turn the warehouse's error over a table or column that is gone into a SourceError that names the groups."""
    try:
        yield
    except WarehouseError as error:
        if getattr(error.__cause__, "sqlstate", None) not in ("42P01", "42703"):
            raise
        names = ", ".join(group.name for group in groups)
        raise SourceError(
            f"A table or column of the feature groups {names} is gone: {error.__cause__}. Run the DAG build_features, "
            "restore it in dbt/models, or train and promote a model without it."
        ) from error


def read_as_of_dates(session: Session, group: GroupTable) -> list[date]:
    """The as-of dates of a group, ascending, without those that its validation has refused."""
    time = _quote(group.event_time)
    rows = session.fetch_all(
        f"select {AS_OF} from (select distinct {time} as {AS_OF} from {group.table.quoted}) as dates "
        f"where not exists (select from quality.feature_dates as seen where seen.group_name = %s "
        f"and seen.as_of_date = dates.{AS_OF} and seen.state = 'refused') order by 1",
        (group.name,),
    )
    return [row[AS_OF] for row in rows]


def read_online_rows(
    session: Session, entity: Entity, groups: Sequence[GroupTable], features: Sequence[Feature], limit: int
) -> list[EntityRow]:
    """The newest features of some entities, in the order of their keys.

    Raises:
        SourceError: a group has no online table.
    """
    sql = f"{select_online(entity, groups, features)} order by {', '.join(map(str, range(1, len(entity.keys) + 1)))}"
    rows = session.fetch_all(f"{sql} limit %s", (limit,))
    return [split_online_row(row, entity) for row in rows]


def select_online(entity: Entity, groups: Sequence[GroupTable], features: Sequence[Feature]) -> str:
    """The newest row of each entity: the keys, ``as_of_date`` of the first group (``g0``), the features.

    Raises:
        SourceError: a group has no online table.
    """
    offline = [group.name for group in groups if group.online is None]
    if offline:
        raise SourceError(
            f"The feature group {', '.join(offline)} has no online table, so that its model cannot be served by key. "
            "Name one in the group's meta (`online`)."
        )
    aliases = {group.name: f"g{index}" for index, group in enumerate(groups)}
    columns = [*(f"g0.{_quote(key)}" for key in entity.key_names), f"g0.{_quote(groups[0].event_time)} as {AS_OF}"]
    columns += [f"{aliases[feature.group]}.{_quote(feature.name)}" for feature in features]
    tables = [f"{group.online.quoted} as {aliases[group.name]}" for group in groups if group.online]
    joins = [
        f"left join {table} on "
        + " and ".join(f"{aliases[group.name]}.{_quote(key)} = g0.{_quote(key)}" for key in entity.key_names)
        for table, group in zip(tables[1:], groups[1:], strict=True)
    ]
    return f"select {', '.join(columns)} from {tables[0]} {' '.join(joins)}"


def split_online_row(row: Mapping[str, Any], entity: Entity) -> EntityRow:
    """A row of :func:`select_online` as keys, features and date; NaN becomes None, decimals become floats."""
    known = {*entity.key_names, AS_OF}
    features = {name: _to_json_value(value) for name, value in row.items() if name not in known}
    return EntityRow({name: row[name] for name in entity.key_names}, features, row[AS_OF])


def _to_json_value(value: Any) -> Any:
    if value is None or isinstance(value, str | bool):
        return value
    number = float(value)
    return None if number != number else number


def _quote(name: str) -> str:
    return f'"{name}"'
