"""Statistics of each feature at each as-of date, measured by the warehouse in one pass over the dates that changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any, Final

from include.features.catalog import Feature, FeatureGroup, FeatureKind
from include.warehouse.names import quote_column, quote_text
from include.warehouse.session import Session

QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
TOP_VALUES: Final = 10
"""Categories kept of each categorical feature, the most frequent ones."""
_LARGEST: Final = "1e150"
"""Greater numbers are left out of mean and deviation: their squares would overflow."""


@dataclass(frozen=True)
class DateContent:
    """One as-of date of a group: how many rows, and a hash of all of them.

    Attributes:
        row_versions: changes with each row that is written, also where its values stay; None where nothing tells.
    """

    as_of_date: date
    row_count: int
    content_hash: str
    row_versions: str | None = field(default=None, compare=False)


@dataclass(frozen=True)
class FeatureProfile:
    """One feature at one as-of date; missing are null, NaN and empty text.

    Attributes:
        quantiles: of a numeric or boolean feature (0 and 1), by probability.
        top_values: rows by value of the most frequent categories.
    """

    as_of_date: date
    feature: str
    kind: FeatureKind
    row_count: int
    null_count: int
    distinct_count: int
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    standard_deviation: float | None = None
    quantiles: Mapping[str, float] = field(default_factory=dict)
    top_values: Mapping[str, int] = field(default_factory=dict)

    @property
    def null_share(self) -> float:
        """Missing values as a share of the rows."""
        return self.null_count / self.row_count if self.row_count else 0.0


def read_contents(
    session: Session, group: FeatureGroup, known: Mapping[date, DateContent] = MappingProxyType({})
) -> list[DateContent]:
    """Every as-of date that the group's table has now, ascending; rows without a date have none.

    Args:
        known: what was seen before; of a date whose rows were not written since, the values are not read again.
    """
    time = quote_column(group.event_time)
    versions = _read_row_versions(session, group)
    same = {day: one for day, one in known.items() if one.row_versions and one.row_versions == versions.get(day)}
    wanted, parameters = "is not null", []
    if same:
        wanted, parameters = "= any(%s)", [[day for day in versions if day not in same]]
    rows = session.fetch_all(
        f"select rows.{time} as as_of_date, count(*) as row_count, "
        f"sum(hashtextextended(rows::text, 0))::text as content_hash "
        f"from {group.table.quoted} as rows where rows.{time} {wanted} group by 1",
        parameters or None,
    )
    read = [DateContent(**row, row_versions=versions.get(row["as_of_date"])) for row in rows]
    return sorted([*same.values(), *read], key=lambda one: one.as_of_date)


def _read_row_versions(session: Session, group: FeatureGroup) -> dict[date, str]:
    """By as-of date, a sum that each written row changes; nothing where the group is no plain table."""
    kind = session.fetch_value(
        "select relkind::text from pg_catalog.pg_class where oid = to_regclass(%s)", (group.table.quoted,)
    )
    if kind != "r":
        return {}
    time = quote_column(group.event_time)
    # Place and writing transaction: a tenth of the time that it takes to hash the values.
    rows = session.fetch_all(
        f"select {time} as day, sum(hashtidextended(ctid, xmin::text::bigint))::text as versions "
        f"from {group.table.quoted} where {time} is not null group by 1"
    )
    return {row["day"]: row["versions"] for row in rows}


def count_double_rows(session: Session, group: FeatureGroup, dates: Sequence[date]) -> int:
    """Rows of the dates that are there once more, by event time and keys; a key that is null counts as a value."""
    columns = ", ".join(quote_column(name) for name in (group.event_time, *group.entity.key_names))
    return int(
        session.fetch_value(
            f"select coalesce(sum(repeated.count - 1), 0) from (select count(*) as count from {group.table.quoted} "
            f"where {quote_column(group.event_time)} = any(%s) group by {columns} having count(*) > 1) as repeated",
            (list(dates),),
        )
    )


def profile_dates(session: Session, group: FeatureGroup, dates: Sequence[date]) -> list[FeatureProfile]:
    """The profile of every feature at each of the dates, ordered by date and as the group lists its features."""
    if not dates:
        return []
    time = quote_column(group.event_time)
    statistics = [f"{_measure(feature)} as f{index}" for index, feature in enumerate(group.features)]
    rows = session.fetch_all(
        f"select {time} as as_of_date, count(*) as row_count, {', '.join(statistics)} from {group.table.quoted} "
        f"where {time} = any(%s) group by 1 order by 1",
        (list(dates),),
    )
    tops = _read_top_values(session, group, dates)
    return [
        _to_profile(feature, row["as_of_date"], row["row_count"], row[f"f{index}"], tops)
        for row in rows
        for index, feature in enumerate(group.features)
    ]


def _measure(feature: Feature) -> str:
    """The statistics of one feature as a JSON object, in the order in which :func:`_to_profile` reads them."""
    name = quote_column(feature.name).replace("%", "%%")
    if feature.kind == "categorical":
        value = f"nullif({name}::text, '')"
        return f"jsonb_build_array(count({value}), count(distinct {value}))"
    number = f"({name}::int)" if feature.kind == "boolean" else name
    value = f"nullif({number}::float8, 'NaN')"
    bounded = f"case when abs({value}) < {_LARGEST} then {value} end"
    shares = ", ".join(map(str, QUANTILES))
    return (
        f"jsonb_build_array(count({value}), count(distinct {value}), min({value})::text, max({value})::text, "
        f"avg({bounded}), stddev_samp({bounded}), "
        f"(percentile_disc(array[{shares}]) within group (order by {value}))::text[])"
    )


def _read_top_values(
    session: Session, group: FeatureGroup, dates: Sequence[date]
) -> dict[tuple[date, str], dict[str, int]]:
    """Rows of the most frequent categories, by date and feature; one pass for all categorical features."""
    names = [feature.name for feature in group.features if feature.kind == "categorical"]
    if not names:
        return {}
    time = quote_column(group.event_time)
    values = ", ".join(f"({quote_text(name)}, rows.{quote_column(name)}::text)" for name in names).replace("%", "%%")
    found = session.fetch_all(
        "select as_of_date, feature, value, count from ("
        "select *, row_number() over (partition by as_of_date, feature order by count desc, value) as place from ("
        f"select rows.{time} as as_of_date, pairs.feature, pairs.value, count(*) as count "
        f"from {group.table.quoted} as rows "
        f"cross join lateral (values {values}) as pairs (feature, value) "
        f"where rows.{time} = any(%s) and pairs.value <> '' group by 1, 2, 3) as counted) as ranked "
        "where place <= %s order by as_of_date, feature, place",
        (list(dates), TOP_VALUES),
    )
    tops: dict[tuple[date, str], dict[str, int]] = {}
    for row in found:
        tops.setdefault((row["as_of_date"], row["feature"]), {})[row["value"]] = row["count"]
    return tops


def _to_profile(
    feature: Feature,
    as_of_date: date,
    row_count: int,
    measured: Sequence[Any],
    tops: Mapping[tuple[date, str], Mapping[str, int]],
) -> FeatureProfile:
    present, distinct, *numbers = measured
    base = (as_of_date, feature.name, feature.kind, row_count, row_count - present, distinct)
    if not numbers:
        return FeatureProfile(*base, top_values=tops.get((as_of_date, feature.name), {}))
    minimum, maximum, mean, deviation, quantiles = numbers
    known = {str(share): float(value) for share, value in zip(QUANTILES, quantiles or (), strict=False)}
    return FeatureProfile(*base, _to_float(minimum), _to_float(maximum), mean, deviation, known)


def _to_float(text: str | None) -> float | None:
    return None if text is None else float(text)
