"""Features for a spine: rows of entity keys with an as-of date each, answered with what every group knew by then.

A spine may hold any rows in any order: one entity at many dates, a row twice, entities that no group knows. Of each
group a row gets the newest features with an event time at or before its as-of date, as in :mod:`include.features.read`.
There is no first group here: the spine decides which rows there are. Dates that the validation of a group has refused
do not count, as they are not in its online table either.

Two rows of an entity at one event time cannot be, as a group's primary key is its keys and its event time. Where a
table has no such key or unique index, the row counts that is first by its text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from include.errors import SourceError
from include.features.catalog import Entity, Feature, GroupTable
from include.features.read import name_groups
from include.features.spine_rows import SPINE, SPINE_TIME, read_spine
from include.warehouse.arrow import read_beside
from include.warehouse.names import quote_column, quote_text
from include.warehouse.session import Session, open_session

if TYPE_CHECKING:
    import pyarrow as pa

FEW_ROWS: Final = 50_000
"""From so many rows on, looking for a spine's entities first costs more than it saves."""

_IS_UNIQUE: Final = (
    "select exists (select from pg_index where indrelid = to_regclass(%s) and indisunique and indisvalid "
    "and indpred is null and indexprs is null and (select array_agg(attname::text) from pg_attribute "
    "where attrelid = indrelid and attnum = any(indkey)) <@ %s::text[])"
)


def join_features(
    uri: str,
    entity: Entity,
    groups: Sequence[GroupTable],
    features: Sequence[Feature],
    spine: pa.Table,
    max_age_days: Mapping[str, int] | None = None,
    relations: Mapping[str, str] | None = None,
) -> pa.Table:
    """The spine's columns and rows, in its order, with the features that were known at each row's as-of date.

    A feature is null where its group has no row of the entity by then.

    Args:
        spine: the keys and ``as_of_date``, none of them null. An as-of date is a date, or a timestamp without a zone,
            which counts as its day. Other columns stay as they are.
        max_age_days: by group, how many days before the as-of date a row may be to count; any number when absent.
        relations: by group, what stands in the query in place of its table: rows that were published, one of an entity
            at an event time.

    Raises:
        SourceError: a column of the spine is missing, null, of another type or called as a feature; a table or a
            feature is gone; ``max_age_days`` names no group.
        WarehouseError: the warehouse is away.
    """
    rows, types = read_spine(spine, entity, features)
    is_validated, is_small = relations is not None, spine.num_rows < FEW_ROWS
    _check_groups(max_age_days or {}, groups)
    if relations is None:
        with open_session(uri) as session:
            relations = {group.name: find_relation(session, entity, group) for group in groups}
    sql = select_for_spine(entity, groups, features, relations, max_age_days or {}, is_validated, is_small)
    with name_groups(groups):
        found = read_beside(uri, sql, SPINE, rows, types)
    for place, feature in enumerate(features):
        spine = spine.append_column(feature.name, found.column(place))
    return spine


def _check_groups(max_age_days: Mapping[str, int], groups: Sequence[GroupTable]) -> None:
    names = [group.name for group in groups]
    unknown = [name for name in max_age_days if name not in names]
    if unknown:
        raise SourceError(f"max_age_days names {unknown[0]!r}, which is none of the groups {', '.join(names)}.")


def find_relation(session: Session, entity: Entity, group: GroupTable) -> str:
    """The group's table, or the query of its rows without the ties of a table that has no key against them."""
    columns = [*entity.key_names, group.event_time]
    if session.fetch_value(_IS_UNIQUE, (group.table.quoted, columns)):
        return group.table.quoted
    names = ", ".join(map(quote_column, columns))
    return f"(select distinct on ({names}) * from {group.table.quoted} as tied order by {names}, tied::text)"


def select_for_spine(
    entity: Entity,
    groups: Sequence[GroupTable],
    features: Sequence[Feature],
    relations: Mapping[str, str],
    max_age_days: Mapping[str, int],
    is_validated: bool,
    is_small: bool,
) -> str:
    """The query of the features, one row for each of the spine's and in its order.

    For each group it makes one sorted array of the event times of each entity, finds each row's place in it by binary
    search (``width_bucket``), and reads the rows of these keys and event times.

    Args:
        is_validated: whether the relations hold nothing that validation has refused.
        is_small: whether to look for the spine's entities first, and sort the event times of these alone.
    """
    numbered = list(enumerate(groups))
    aliases = {group.name: f"g{index}" for index, group in numbered}
    columns = ", ".join(f"{aliases[feature.group]}.{quote_column(feature.name)}" for feature in features)
    times = [
        f"t{index} as ({_select_times(entity, group, relations[group.name], is_validated, is_small)})"
        for index, group in numbered
    ]
    placed = f"placed as materialized ({_select_places(entity, groups, max_age_days)})"
    found = [
        f"g{index} as materialized ({_select_found(entity, group, index, relations[group.name], features)})"
        for index, group in numbered
    ]
    joins = " ".join(f"left join g{index} on {_match(entity, group, index)}" for index, group in numbered)
    return f"with {', '.join([*times, placed, *found])} select {columns} from placed {joins} order by placed.position"


def _select_times(entity: Entity, group: GroupTable, relation: str, is_validated: bool, is_small: bool) -> str:
    time = f"entries.{quote_column(group.event_time)}"
    keys = ", ".join(f"entries.{quote_column(key)} as k{index}" for index, key in enumerate(entity.key_names))
    refused = (
        f"and {time} <> all (array(select as_of_date from quality.feature_dates where state = 'refused' "
        f"and group_name = {quote_text(group.name)})) "
    )
    same = " and ".join(f"{SPINE}.k{place} = entries.{quote_column(key)}" for place, key in enumerate(entity.key_names))
    asked = f"and exists (select from {SPINE} where {same}) "
    return (
        f"select {keys}, array_agg({time} order by {time}) as times from {relation} as entries "
        f"where {time} is not null {'' if is_validated else refused}{asked if is_small else ''}"
        f"group by {', '.join(map(str, range(1, len(entity.keys) + 1)))}"
    )


def _select_places(entity: Entity, groups: Sequence[GroupTable], max_age_days: Mapping[str, int]) -> str:
    """The spine with the event time ``at0``, ``at1`` … that counts of each group, or null."""
    as_of, columns, joins = f"{SPINE}.{SPINE_TIME}", [f"{SPINE}.*"], []
    for index, group in enumerate(groups):
        # Place 0 is before the first event time, and holds nothing.
        at = f"t{index}.times[width_bucket({as_of}, t{index}.times)]"
        days = max_age_days.get(group.name)
        columns.append(f"{at if days is None else f'case when {at} >= {as_of} - {days:d} then {at} end'} as at{index}")
        same = " and ".join(f"t{index}.k{place} = {SPINE}.k{place}" for place in range(len(entity.keys)))
        joins.append(f"left join t{index} on {same}")
    return f"select {', '.join(columns)} from {SPINE} {' '.join(joins)}"


def _select_found(entity: Entity, group: GroupTable, index: int, relation: str, features: Sequence[Feature]) -> str:
    """The group's rows that count for any row of the spine; a join with the spine would hash the whole table."""
    names = ", ".join(f"entries.{quote_column(name)}" for name in (*entity.key_names, group.event_time))
    columns = "".join(f", {quote_column(feature.name)}" for feature in features if feature.group == group.name)
    keys = ", ".join(f"k{place}" for place in range(len(entity.keys)))
    return (
        f"select {names}{columns} from {relation} as entries where ({names}) in (select {keys}, at{index} from placed)"
    )


def _match(entity: Entity, group: GroupTable, index: int) -> str:
    keys = " and ".join(f"g{index}.{quote_column(key)} = placed.k{place}" for place, key in enumerate(entity.key_names))
    return f"{keys} and g{index}.{quote_column(group.event_time)} = placed.at{index}"
