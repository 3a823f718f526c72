"""The SQL that reads a PostgreSQL source: its quoted names, the columns as declared, the rows of a day."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from include.settings.postgres_source import PostgresSource
from include.settings.source_names import ColumnType
from include.warehouse.names import quote_column

WatermarkType = Literal["timestamptz", "timestamp", "date"]

_WATERMARKS: Final[Mapping[str, WatermarkType]] = {
    "timestamptz": "timestamptz",
    "timestamp": "timestamp",
    "date": "date",
}
_INTEGERS: Final = dict.fromkeys(("int2", "int4", "int8"), ("int64", "float64"))
_FLOATS: Final = dict.fromkeys(("float4", "float8"), ("float64", "int64"))
_MOMENTS: Final = dict.fromkeys(("timestamptz", "timestamp"), ("timestamp", "date"))
# What a type may be declared as, so that no value changes. What is text is read like that of a file.
_READABLE: Final[Mapping[str, tuple[ColumnType, ...]]] = {
    **_INTEGERS,
    **_FLOATS,
    **_MOMENTS,
    "date": ("date",),
    "numeric": ("float64", "int64", "string"),
    "bool": ("string", "int64"),
    "uuid": ("string",),
    "text": ("string", "int64", "float64", "timestamp", "date"),
}
_NEAR_NAMES: Final = 500


@dataclass(frozen=True)
class TableColumn:
    """A column as the database describes it: its type by ``pg_type``'s name, and as people write it."""

    name: str
    type: str
    written_type: str


class ColumnProblem(Exception):  # noqa: N818 - a part of a message, which becomes an error with its place
    """A column is not there or cannot be read; callers add the source, the server and the table."""


def name_relation(source: PostgresSource) -> str:
    """What is read, as it stands after ``from``."""
    if source.table is None:
        return f"(\n{source.query}\n) as delivered"
    return ".".join(quote_column(part) for part in source.table.split(".")) + " as delivered"


def select_columns(declared: Mapping[str, ColumnType], found: Sequence[TableColumn]) -> str:
    """The declared columns, in types that Arrow has; what is exact and not binary travels as text.

    Raises:
        ColumnProblem: names the column and its type.
    """
    by_name = {one.name: one for one in found}
    return ", ".join(_select(find_column(name, by_name), kind) for name, kind in declared.items())


def find_column(name: str, found: Mapping[str, TableColumn]) -> TableColumn:
    """A column by its name.

    Raises:
        ColumnProblem: there is none of that name; a near one is pointed out.
    """
    if name in found:
        return found[name]
    near = suggest_near(name, found)
    raise ColumnProblem(f"there is no column {name!r}" + (f" (do you mean {near!r}?)" if near else ""))


def suggest_near(name: str, known: Iterable[str]) -> str | None:
    """The known name that is nearest to one, whatever its capitals."""
    folded = {one.casefold(): one for one in list(known)[:_NEAR_NAMES]}
    near = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.5)
    return folded[near[0]] if near else None


def _select(column: TableColumn, declared: ColumnType) -> str:
    allowed = _READABLE.get(column.type, ())
    if declared not in allowed:
        as_what = f"it can be declared {' or '.join(allowed)}" if allowed else "no declared type can hold that"
        raise ColumnProblem(
            f"column {column.name!r} is declared {declared} and is of type {column.written_type}; {as_what}, or a "
            "query can cast it"
        )
    quoted = quote_column(column.name)
    if column.type == "numeric" and declared == "int64":
        return f"trim_scale({quoted})::text as {quoted}"
    if column.type == "bool" and declared == "int64":
        return f"{quoted}::int4 as {quoted}"
    return f"{quoted}::text as {quoted}" if column.type in ("numeric", "bool", "uuid", "text") else quoted


def check_watermark(name: str, found: Sequence[TableColumn]) -> WatermarkType:
    """The type of the watermark's column.

    Raises:
        ColumnProblem: it is not there, or no moment and no day.
    """
    column = find_column(name, {one.name: one for one in found})
    if column.type not in _WATERMARKS:
        raise ColumnProblem(
            f"the watermark {name!r} is of type {column.written_type}; it has to be timestamptz, timestamp or date"
        )
    return _WATERMARKS[column.type]


def select_day(watermark: str, kind: WatermarkType, day: date, time_zone: str) -> str:
    """The condition on the rows whose watermark lies in a day of a time zone; without a zone it is in UTC."""
    quoted = quote_column(watermark)
    if kind == "date":
        return f"{quoted} = date '{day}'"
    starts = [
        datetime.combine(one, time(), ZoneInfo(time_zone)).astimezone(UTC) for one in (day, day + timedelta(days=1))
    ]
    first, end = (one.isoformat() if kind == "timestamptz" else one.replace(tzinfo=None).isoformat() for one in starts)
    return f"{quoted} >= {kind} '{first}' and {quoted} < {kind} '{end}'"


def find_day(watermark: date, time_zone: str) -> date:
    """The day of a watermark in a time zone; a moment without a zone is in UTC."""
    if not isinstance(watermark, datetime):
        return watermark
    moment = watermark if watermark.tzinfo else watermark.replace(tzinfo=UTC)
    return moment.astimezone(ZoneInfo(time_zone)).date()
