"""Rows of feature groups by the time at which they were published, to read features as known on a day.

A group keeps them when its meta says ``history: true``. A row is stored once, and again when another one takes its
place, so that daily work adds the new as-of dates and what late data has changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from include.errors import SourceError
from include.features.catalog import SQL_TYPES, Entity, Feature, FeatureGroup, FeatureKind
from include.features.read import read_checked, select_features
from include.features.spine import join_features
from include.warehouse.names import quote_column, quote_text
from include.warehouse.session import Session, open_session

if TYPE_CHECKING:
    import pyarrow as pa

_FEATURE_TYPES: Final[Mapping[FeatureKind, str]] = {
    "numeric": "double precision", "boolean": "boolean", "categorical": "text",
}  # fmt: skip


def keep_rows(session: Session, group: FeatureGroup, dates: Sequence[date], at: datetime | None = None) -> int:
    """Keep the rows of the group's table at these as-of dates as published now; the number of new or changed ones.

    A date that the table has no more is closed. Of a group that keeps no history, what it kept before is closed.

    Args:
        at: when they are published; the present moment when absent, which is later than that of an earlier publisher.
    """
    moment = at or session.fetch_value("select clock_timestamp()")
    if not group.keeps_history:
        session.execute(
            "update history.feature_rows set known_to = %s where group_name = %s and known_to is null",
            (moment, group.name),
        )
    if not group.keeps_history or not dates:
        return 0
    time_column = quote_column(group.event_time)
    keys = ", ".join(f"{quote_text(key)}, rows.{quote_column(key)}" for key in group.entity.key_names)
    current = (
        f"with current as (select rows.{time_column} as as_of_date, jsonb_build_object({keys}) as keys, "
        f"to_jsonb(rows) as content from {group.table.quoted} as rows where rows.{time_column} = any(%s)) "
    )
    same = "other.as_of_date = one.as_of_date and other.keys = one.keys and other.content = one.content"
    session.execute(
        f"{current} update history.feature_rows as one set known_to = %s where group_name = %s "
        "and as_of_date = any(%s) and known_to is null "
        f"and not exists (select from current as other where {same})",
        (list(dates), moment, group.name, list(dates)),
    )
    return session.execute(
        f"{current} insert into history.feature_rows (group_name, as_of_date, keys, version, content, known_from) "
        "select %s, one.as_of_date, one.keys, %s, one.content, %s from current as one where not exists "
        "(select from history.feature_rows as other where other.group_name = %s and other.known_to is null "
        f"and {same})",
        (list(dates), group.name, group.version, moment, group.name),
    )


def has_rows(session: Session, group: FeatureGroup) -> bool:
    """Whether the rows that are published now are kept."""
    return bool(
        session.fetch_value(
            "select exists (select from history.feature_rows where group_name = %s and known_to is null)",
            (group.name,),
        )
    )


def read_features_as_known(
    uri: str,
    entity: Entity,
    groups: Sequence[FeatureGroup],
    features: Sequence[Feature],
    as_of_dates: Sequence[date],
    as_known_on: date,
) -> pa.Table:
    """Features at as-of dates (at least one) as they were published at the end of a day (UTC).

    As :func:`include.features.read.read_features`, from the rows that were published then: later corrections and
    computations are not in it. A feature that the group did not have then is null.

    Raises:
        SourceError: a group keeps no history, or its history begins later; names the group.
        WarehouseError: the warehouse is away.
    """
    relations = _select_all_known(uri, groups, as_known_on)
    wanted = ", ".join(f"date '{day.isoformat()}'" for day in as_of_dates)
    locations = [group.location for group in groups]
    return read_checked(
        uri,
        f"{select_features(entity, locations, features, relations)} "
        f"where g0.{quote_column(groups[0].event_time)} in ({wanted}) "
        f"order by {', '.join(map(str, range(1, len(entity.keys) + 2)))}",
        locations,
    )


def join_features_as_known(
    uri: str,
    entity: Entity,
    groups: Sequence[FeatureGroup],
    features: Sequence[Feature],
    spine: pa.Table,
    as_known_on: date,
    max_age_days: Mapping[str, int] | None = None,
) -> pa.Table:
    """As :func:`include.features.spine.join_features`, from the rows that were published at the end of a day (UTC).

    Raises:
        SourceError: as there; or a group keeps no history, or its history begins later.
        WarehouseError: the warehouse is away.
    """
    relations = _select_all_known(uri, groups, as_known_on)
    locations = [group.location for group in groups]
    return join_features(uri, entity, locations, features, spine, max_age_days, relations)


def _select_all_known(uri: str, groups: Sequence[FeatureGroup], as_known_on: date) -> dict[str, str]:
    end = datetime.combine(as_known_on + timedelta(days=1), time(), UTC)
    with open_session(uri) as session:
        for group in groups:
            _check_history(session, group, end)
    return {group.name: select_known(group, end) for group in groups}


def select_known(group: FeatureGroup, end: datetime) -> str:
    """The group's rows that were published before a moment and not replaced by then, as a relation of its columns."""
    columns = [f"as_of_date as {quote_column(group.event_time)}"]
    columns += [_read_column(key.name, SQL_TYPES[key.type]) for key in group.entity.keys]
    columns += [_read_column(feature.name, _FEATURE_TYPES[feature.kind]) for feature in group.features]
    moment = f"timestamptz '{end.isoformat()}'"
    return (
        f"(select {', '.join(columns)} from history.feature_rows where group_name = '{group.name}' "
        f"and known_from < {moment} and (known_to is null or known_to >= {moment}))"
    )


def _read_column(name: str, sql_type: str) -> str:
    return f"(content ->> {quote_text(name)})::{sql_type} as {quote_column(name)}"


def _check_history(session: Session, group: FeatureGroup, end: datetime) -> None:
    first = session.fetch_value("select min(known_from) from history.feature_rows where group_name = %s", (group.name,))
    if first is None:
        raise SourceError(
            f"Nothing is kept of what the feature group {group.name} was before. Say `history: true` in its meta; it "
            "is kept from the next build on."
        )
    if first >= end:
        raise SourceError(
            f"The history of the feature group {group.name} begins at {first:%Y-%m-%d %H:%M} UTC, after the day that "
            f"is asked for. Ask for {first:%Y-%m-%d} or a later day."
        )
