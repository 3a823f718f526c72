"""Reads what the pages show from ``quality.feature_*``, and of a label from its own table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from include.features.catalog import LabelTable
from include.warehouse.names import quote_column
from include.warehouse.session import Row, Session

HISTORY_SIZE: Final = 60
"""As-of dates in the plots of a feature or label."""
VALIDATIONS_SIZE: Final = 30
"""Validations on the page of a group."""


@dataclass(frozen=True)
class GroupRecords:
    """What is kept of one group.

    Attributes:
        dates: the last as-of dates, ascending, with their state.
        profiles: of each feature at these dates, ascending by date.
        drift: of the last build that measured it, by feature.
        validations: the latest first.
    """

    dates: list[Row] = field(default_factory=list)
    profiles: list[Row] = field(default_factory=list)
    drift: dict[str, Row] = field(default_factory=dict)
    validations: list[Row] = field(default_factory=list)


def read_summaries(session: Session) -> dict[str, Row]:
    """By group: what is published, the last validation, and how many features drifted when it was measured last."""
    rows = session.fetch_all(
        "with dates as (select group_name, count(*) filter (where state = 'refused') as refused_dates, "
        "count(*) filter (where state = 'published') as published_dates, "
        "max(as_of_date) filter (where state = 'published') as newest from quality.feature_dates group by 1), "
        "validations as (select distinct on (group_name) group_name, score, passed, reason, validated_at "
        "from quality.feature_validations order by group_name, validated_at desc), "
        "drift as (select group_name, count(*) filter (where is_drifted) as drifted from quality.feature_drift as one "
        "where measured_at = (select max(measured_at) from quality.feature_drift as last "
        "where last.group_name = one.group_name) group by 1) "
        "select validations.*, dates.refused_dates, dates.published_dates, dates.newest, newest_date.row_count, "
        "newest_date.changed_at as published_at, drift.drifted from validations left join dates using (group_name) "
        "left join drift using (group_name) left join quality.feature_dates as newest_date "
        "on newest_date.group_name = validations.group_name and newest_date.as_of_date = dates.newest"
    )
    return {row["group_name"]: row for row in rows}


def read_group(session: Session, group: str) -> GroupRecords:
    """Everything that the page of a group shows."""
    dates = session.fetch_all(
        "select as_of_date, row_count, state, build_key, version, changed_at from quality.feature_dates "
        "where group_name = %s order by as_of_date desc limit %s",
        (group, HISTORY_SIZE),
    )[::-1]
    profiles = session.fetch_all(
        "select profiles.*, dates.state from quality.feature_profiles as profiles join quality.feature_dates as dates "
        "using (group_name, as_of_date, content_hash) where group_name = %s and as_of_date >= %s order by as_of_date",
        (group, dates[0]["as_of_date"] if dates else None),
    )
    drift = session.fetch_all(
        "select * from quality.feature_drift where group_name = %s and measured_at = "
        "(select max(measured_at) from quality.feature_drift where group_name = %s)",
        (group, group),
    )
    validations = session.fetch_all(
        "select * from quality.feature_validations where group_name = %s order by validated_at desc limit %s",
        (group, VALIDATIONS_SIZE),
    )
    return GroupRecords(dates, profiles, {row["feature"]: row for row in drift}, validations)


def read_label(session: Session, label: LabelTable) -> list[Row]:
    """Rows, and known values with the mean of each label, of the last as-of dates, ascending; none without a table."""
    if session.fetch_value("select to_regclass(%s)", (label.table.quoted,)) is None:
        return []
    time = quote_column(label.event_time)
    columns = []
    for index, (name, task) in enumerate(label.columns.items()):
        number = f"{quote_column(name)}{'::int' if task == 'binary' else ''}"
        mean = "null" if task == "multiclass" else f"avg(nullif({number}::float8, 'NaN'))"
        columns += [f"count({quote_column(name)}) as n{index}", f"{mean} as m{index}"]
    return session.fetch_all(
        f"select {time} as as_of_date, count(*) as row_count, {', '.join(columns)} from {label.table.quoted} "
        f"where {time} is not null group by 1 order by 1 desc limit {HISTORY_SIZE}"
    )[::-1]
