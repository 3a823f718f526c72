"""Finds the type of a column: the first one that the project's own reader takes every value of the sample for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from include.adopt.text_columns import explain_dates, explain_text, explain_zone, list_text_types
from include.errors import SourceError
from include.settings.source_columns import ColumnSettings
from include.settings.source_names import ColumnType
from include.sources.columns import BadValueError, ColumnReader

if TYPE_CHECKING:
    import pyarrow as pa

# A whole number of so many digits is an int64.
_INT64_DIGITS: Final = 18


@dataclass(frozen=True)
class ColumnGuess:
    """What the values of a column say.

    Attributes:
        publish_type: its SQL type where that is not the usual one of its type.
        values: of each file of the sample, in the type.
        questions: what is unsure, as sentences.
        unread_dates: the one of them that says that it holds dates in a form that sources do not read.
    """

    name: str
    type: ColumnType
    values: tuple[pa.Array, ...]
    publish_type: str | None = None
    questions: tuple[str, ...] = ()
    unread_dates: str | None = None

    @property
    def has_nulls(self) -> bool:
        """Whether the sample holds no value in a row."""
        return any(one.null_count for one in self.values)


@dataclass(frozen=True)
class Reading:
    """How values are read: the zone of the sources, the decimal mark, whether text may be numbers (CSV).

    Attributes:
        has_booleans: what is true or false is read as text (Parquet, JSON lines).
    """

    time_zone: str
    decimal: str = "."
    is_csv: bool = False
    has_booleans: bool = False


def guess_column(name: str, arrays: Sequence[pa.Array], reading: Reading) -> ColumnGuess:
    """The type of a column.

    Args:
        arrays: its values in each file of the sample, as they are there.

    Raises:
        SourceError: no type of a column takes them; says what to do.
    """
    delivered = [_decode(array) for array in arrays]
    filled = [_list_distinct(array) for array in delivered if array.null_count < len(array)]
    if not filled:
        question = f"column {name} is empty in what was read; its type is a guess."
        return ColumnGuess(name, "string", _fit(name, "string", delivered, reading) or (), None, (question,))
    for column_type in _list_types(filled, reading):
        may_fit = _fit(name, column_type, filled, reading) is not None
        values = _fit(name, column_type, delivered, reading) if may_fit else None
        if values is not None:
            dates = explain_dates(name, filled) if column_type == "string" and _are_text(filled) else None
            questions = (dates,) if dates else _explain(name, filled, column_type, reading)
            return ColumnGuess(name, column_type, values, _find_publish_type(filled, column_type), questions, dates)
    kinds = " and ".join(sorted({str(array.type) for array in filled}))
    raise SourceError(
        f"Column {name!r} holds {kinds}, which no type of a column takes; have it delivered as text, number, date or "
        "timestamp, without a loss, or leave it out of the files."
    )


def _explain(name: str, arrays: Sequence[pa.Array], chosen: ColumnType, reading: Reading) -> tuple[str, ...]:
    if _are_text(arrays):
        return explain_text(name, arrays, chosen, is_csv=reading.is_csv)
    return explain_zone(name) if chosen == "timestamp" and any(array.type.tz is None for array in arrays) else ()


def _list_types(arrays: Sequence[pa.Array], reading: Reading) -> tuple[ColumnType, ...]:
    """The types to try, the narrowest first."""
    import pyarrow as pa

    if _are_text(arrays):
        return list_text_types(arrays, is_csv=reading.is_csv)
    kinds, types = [array.type for array in arrays], pa.types
    if reading.has_booleans and all(types.is_boolean(kind) for kind in kinds):
        return ("string",)
    if all(types.is_integer(kind) or (types.is_decimal(kind) and _is_whole(kind)) for kind in kinds):
        return ("int64",)
    if all(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind) for kind in kinds):
        return ("float64",)
    if all(types.is_date(kind) for kind in kinds):
        return ("date",)
    if all(types.is_timestamp(kind) for kind in kinds):
        # Many tools write a day as a midnight without a zone.
        return ("timestamp",) if any(kind.tz for kind in kinds) else ("date", "timestamp")
    return ()


def _fit(
    name: str, column_type: ColumnType, arrays: Sequence[pa.Array], reading: Reading
) -> tuple[pa.Array, ...] | None:
    """The values as ingestion would read them; None where it would refuse one."""
    import pyarrow as pa

    settings = ColumnSettings(type=column_type)
    try:
        return tuple(
            ColumnReader(name, settings, reading.time_zone, reading.decimal).fit(pa.chunked_array([array]))
            for array in arrays
        )
    except BadValueError:
        return None


def _find_publish_type(arrays: Sequence[pa.Array], column_type: ColumnType) -> str | None:
    """``numeric(p, s)`` for decimals, which are delivered as float64."""
    import pyarrow as pa

    kinds = {array.type for array in arrays}
    if column_type != "float64" or not all(pa.types.is_decimal(kind) for kind in kinds):
        return None
    scale = max(kind.scale for kind in kinds)
    digits = max(kind.precision - kind.scale for kind in kinds) + scale
    return f"numeric({digits}, {scale})" if 0 <= scale <= digits <= 38 else None


def _is_whole(kind: pa.DataType) -> bool:
    return bool(kind.scale == 0 and kind.precision <= _INT64_DIGITS)


def _are_text(arrays: Sequence[pa.Array]) -> bool:
    import pyarrow as pa

    return all(pa.types.is_string(array.type) or pa.types.is_large_string(array.type) for array in arrays)


def _list_distinct(array: pa.Array) -> pa.Array:
    """Each text once: what is refused for one is refused for all, and a tenth of the work."""
    import pyarrow.compute as pc

    return pc.unique(array) if _are_text([array]) else array


def _decode(array: pa.Array) -> pa.Array:
    import pyarrow as pa

    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
