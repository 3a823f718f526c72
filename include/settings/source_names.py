"""What sources and their columns may be called and published as: the limits of the warehouse, and our own names."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Final, Literal

from include.warehouse.names import MAX_NAME_BYTES

ColumnType = Literal["int64", "float64", "string", "timestamp", "date"]

SQL_TYPES: Final[Mapping[ColumnType, str]] = {
    "int64": "bigint",
    "float64": "double precision",
    "string": "text",
    "timestamp": "timestamptz",
    "date": "date",
}
"""The type of a column in ``landing``, and in ``raw`` unless ``publish_type`` says otherwise."""
OWN_COLUMNS: Final = ("day", "batch_day", "lateness_days")
"""Columns that ingestion adds to what was delivered."""

VALID_FROM: Final = "valid_from"
VALID_TO: Final = "valid_to"
"""Columns that ``raw.<source>`` of a snapshot source has besides: the first as-of date at which a row counts, and the
first at which it does not any more."""

OWN_TABLES: Final = {
    "arrivals": "raw.arrivals",
    "deliveries": "landing.deliveries",
    "partitions": "raw.partitions",
    "snapshots": "raw.snapshots",
    "snapshot_periods": "raw.snapshot_periods",
}
"""Tables of ingestion's own, by the names that no source may have."""
_SYSTEM_COLUMNS: Final = frozenset({"cmax", "cmin", "ctid", "tableoid", "xmax", "xmin"})
_IDENTIFIER: Final = re.compile(r"[a-z_][a-z0-9_]*")
_NUMERIC: Final = re.compile(r"numeric\((\d{1,3}), ?(\d{1,3})\)")
# Arrow's decimals have no more digits.
_MAX_DIGITS: Final = 38
_PUBLISH_TYPES: Final[Mapping[ColumnType, tuple[str, ...]]] = {
    "int64": ("bigint", "double precision", "numeric(p, s)"),
    "float64": ("double precision", "numeric(p, s)"),
    "string": ("text",),
    "timestamp": ("timestamptz",),
    "date": ("date",),
}


def check_source_name(name: str) -> str:
    """A source's name, which names ``landing.<source>`` and ``raw.<source>``.

    Raises:
        ValueError: it is no lower-case identifier, too long, or the name of a table of our own.
    """
    _check_identifier(name)
    if name in OWN_TABLES:
        raise ValueError(f"another name than {name!r}: {OWN_TABLES[name]} is a table of ingestion's own")
    return name


def check_column_name(name: str) -> str:
    """A delivered column's name, which is a column of ``landing.<source>``.

    Raises:
        ValueError: the warehouse cannot have such a column, or ingestion adds one of that name.
    """
    if not name or len(name.encode()) > MAX_NAME_BYTES:
        raise ValueError(f"a name of 1 to {MAX_NAME_BYTES} bytes; this one has {len(name.encode())}")
    if re.search(r'["%\x00-\x1f\x7f]', name):
        raise ValueError('a name without quotes ("), percent signs and control characters; have it delivered renamed')
    if name in OWN_COLUMNS:
        raise ValueError(f"another name than {name!r}: ingestion adds a column of that name; have it delivered renamed")
    return _check_no_system_column(name)


def check_published_name(name: str) -> str:
    """The name of a column in ``raw.<source>``, where it is not the delivered one.

    Raises:
        ValueError: it is no lower-case identifier, too long, or a name of PostgreSQL's own.
    """
    return _check_no_system_column(_check_identifier(name))


def check_published_names(names: Mapping[str, str], day_column: str | None, added: Collection[str]) -> None:
    """All columns of one ``raw.<source>`` against each other.

    Args:
        names: delivered column → published name.
        day_column: the delivered column that holds the event's day and may therefore be published as ``day``.
        added: the columns that ingestion adds.

    Raises:
        ValueError: names both columns that would be published as one.
    """
    for column, published in names.items():
        others = [other for other, name in names.items() if name == published and other != column]
        if others:
            raise ValueError(
                f"columns published under different names; {column} and {others[0]} are both published as {published!r}"
            )
        if published in added and column != (day_column if published == "day" else None):
            raise ValueError(
                f"another publish_as for {column} than {published!r}, which ingestion adds; only an event_column of "
                "type date may be published as day"
            )


def check_publish_type(column_type: ColumnType, publish_type: str) -> str:
    """The SQL type of a published column, which must hold the values of the delivered one.

    Raises:
        ValueError: it is no such type.
    """
    number = _NUMERIC.fullmatch(publish_type)
    allowed = _PUBLISH_TYPES[column_type]
    if number and "numeric(p, s)" in allowed:
        precision, scale = int(number[1]), int(number[2])
        if 1 <= precision <= _MAX_DIGITS and scale <= precision:
            return publish_type
        raise ValueError(f"a publish_type numeric(p, s) with p from 1 to {_MAX_DIGITS} and s up to p")
    if publish_type not in allowed:
        raise ValueError(f"a publish_type that holds {column_type}: {', '.join(allowed)}")
    return publish_type


def find_publish_bounds(column_type: ColumnType, publish_type: str) -> tuple[float, float] | None:
    """The least and the greatest delivered number that a published type holds; nothing where it holds them all.

    PostgreSQL rounds a number to the scale first, and reads a double precision with 15 digits, so that
    9999999999.995 does not fit ``numeric(12, 2)``. Bounds are floats, as rules compare; from 16 whole digits on
    the largest whole numbers that would just fit are refused.
    """
    number = _NUMERIC.fullmatch(publish_type)
    if number is None:
        return None
    precision, scale = int(number[1]), int(number[2])
    with localcontext() as context:
        context.prec = 3 * _MAX_DIGITS
        limit, step = Decimal(10) ** (precision - scale), Decimal(10) ** -scale
        bound = float(limit - step / 2)
        while _read_number(column_type, bound).quantize(step, ROUND_HALF_UP) >= limit:
            bound = math.nextafter(bound, 0)
    return -bound, bound


def find_repeated(names: Iterable[str]) -> list[str]:
    """The names that occur more than once, in their order."""
    listed = list(names)
    return [name for position, name in enumerate(listed) if name in listed[:position]]


def _read_number(column_type: ColumnType, value: float) -> Decimal:
    """A delivered number as PostgreSQL takes it for a numeric: whole ones exactly, others with 15 digits."""
    return Decimal(value) if column_type == "int64" else Decimal(f"{value:.15g}")


def _check_identifier(name: str) -> str:
    if not _IDENTIFIER.fullmatch(name) or len(name) > MAX_NAME_BYTES:
        raise ValueError(
            f"a name of lower-case letters, digits and underscores, not starting with a digit, "
            f"of at most {MAX_NAME_BYTES} characters"
        )
    return name


def _check_no_system_column(name: str) -> str:
    if name in _SYSTEM_COLUMNS:
        raise ValueError(f"another name than {name!r}: PostgreSQL has a column of its own of that name in every table")
    return name
