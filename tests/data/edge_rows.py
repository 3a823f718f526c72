"""Rows at the edge of what sources.yml declares: every value that the audit lets through, however extreme.

A row follows a pattern, such as "its price is null". Each pattern has a number that stands in all of its id columns:
every pattern is a customer, a shop and so on of its own, none of whose rows is otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from include.settings.source_base import SourceBase
from include.settings.source_columns import ColumnSettings
from include.settings.sources import SourceSettings

Row = dict[str, Any]
USUAL: Final = 2
"""Number of the usual row, the first of a source's patterns; 1 is the least that most ids may be, an edge."""
_LARGEST: Final = {"int64": (-(2**63), 2**63 - 1), "float64": (-1.7e308, 1.7e308)}
_MOMENTS: Final = {"date": (date.min, date.max), "timestamp": (datetime.min, datetime.max)}


def list_patterns(source: SourceBase) -> list[Row]:
    """What rows differ in from the usual one: nothing, each edge of each column, and all nulls at once."""
    edges = {name: list_edges(source, name) for name in source.columns}
    declared = {name: None for name, column in source.columns.items() if column.nullable and None in edges[name]}
    let_through = {name: None for name, values in edges.items() if None in values}
    late = [{source.event_column: timedelta(days=source.allowed_lateness_days)}] if source.event_column else []
    # A closed day may get its only rows, of which nothing is known, a day late.
    late += [{**declared, source.event_column: timedelta(days=1)}] if source.event_column else []
    singles = [{name: value} for name, values in edges.items() for value in values]
    return [{}, *singles, declared, let_through, *late]


def list_edges(source: SourceBase, name: str) -> list[Any]:
    """The extreme values of a column. One that is not critical costs the audit's score only, and passes alone."""
    column = source.columns[name]
    if name == source.event_column:
        return []
    is_required = name in source.key
    is_lenient = not column.critical and not is_required
    edges: list[Any] = [*column.allowed]
    if column.type in _LARGEST:
        low, high = column.publish_bounds or _LARGEST[column.type]
        edges += [low if column.min is None else column.min, high if column.max is None else column.max]
        edges += [low, high] if is_lenient else []
        edges = [int(edge) if column.type == "int64" else edge for edge in edges]
    elif column.type in _MOMENTS:
        edges += _MOMENTS[column.type]
    elif not column.allowed or is_lenient:
        edges += ["", "not listed"]
    return [*edges, *([None] if (column.nullable or is_lenient) and not is_required else [])]


def make_snapshot(source: SourceBase, day: date) -> list[Row]:
    """One row of each pattern."""
    return [
        {**make_usual(source, number, day), **pattern} for number, pattern in enumerate(list_patterns(source), USUAL)
    ]


def make_delivery(sources: SourceSettings, name: str, day: date, *, is_last: bool) -> Iterator[Row]:
    """Two rows of each pattern: about what is usual of other sources, and about each of their patterns in turn.

    Keys without the event's day are never given twice: their first column counts, and an edge of a key's column
    comes on the last day only.
    """
    source = sources.find_source(name)
    is_dated = source.event_column in source.key
    others = {
        relation.columns[0]: len(list_patterns(sources.find_source(relation.source)))
        for relation in source.relations
        if len(relation.columns) == 1
    }
    for number, pattern in enumerate(list_patterns(source), USUAL):
        is_of_key = bool({*pattern} & {*source.key}) and not is_dated
        if is_of_key and not is_last:
            continue
        usual = make_usual(source, number, day, zone=ZoneInfo(sources.time_zone))
        if not is_dated:
            usual[source.key[0]] = day.toordinal() * 1000 + number
        turns = [{column: USUAL for column in others}]
        turns += [{column: USUAL + 1 + (number + day.toordinal()) % (count - 1) for column, count in others.items()}]
        for turn in turns[: 1 if is_of_key or not others else 2]:
            row = {**usual, **turn, **pattern}
            delay = pattern.get(str(source.event_column), timedelta())
            yield {**row, str(source.event_column): usual[str(source.event_column)] - delay}


def make_usual(source: SourceBase, number: int, day: date, zone: ZoneInfo | None = None) -> Row:
    """A row with nothing special: ids are the pattern's number, everything else is 1, listed, or of the day."""
    return {
        name: number if is_id(source, name) else usual_value(column, day, zone)
        for name, column in source.columns.items()
    }


def is_id(source: SourceBase, name: str) -> bool:
    """Whether a column names something: it is part of the key, or a whole number that may never be null."""
    column = source.columns[name]
    return column.type == "int64" and (name in source.key or (column.critical and not column.nullable))


def usual_value(column: ColumnSettings, day: date, zone: ZoneInfo | None) -> Any:
    if column.type == "date":
        return day
    if column.type == "timestamp":
        return datetime.combine(day, time(12), zone or UTC)
    if column.type == "string":
        return column.allowed[0] if column.allowed else "usual"
    return min(max(1, column.min or 1), column.max or 1)
