"""Frames in and out of Arrow, with the dtypes that pandas users expect."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from include.errors import WarehouseError
from include.warehouse.arrow_types import parse_decimals

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_SAMPLE_ROWS: Final = 2_000


def to_frame(table: pa.Table) -> pd.DataFrame:
    """An Arrow table as a pandas frame.

    bigint → int64 (Int64 where there are nulls), double → float64, boolean → bool (boolean where
    there are nulls), text → object of str, date → object of ``datetime.date``, numeric → object of
    ``Decimal``, timestamptz → datetime64[us, UTC], timestamp → datetime64[us].
    """
    import pandas as pd

    columns = {field.name: _to_pandas(table.column(index)) for index, field in enumerate(table.schema)}
    return pd.DataFrame(columns, index=pd.RangeIndex(table.num_rows), copy=False)


def _to_pandas(column: pa.ChunkedArray) -> Any:
    import pandas as pd
    import pyarrow as pa

    kind = column.type
    if pa.types.is_decimal(kind):
        return _decode_objects(column)
    if pa.types.is_string(kind):
        head = column.slice(0, _SAMPLE_ROWS)
        return column.to_pandas(deduplicate_objects=len(head.unique()) * 2 < len(head))
    if column.null_count and (pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        nullable = {
            pa.int16(): pd.Int16Dtype(),
            pa.int32(): pd.Int32Dtype(),
            pa.int64(): pd.Int64Dtype(),
            pa.bool_(): pd.BooleanDtype(),
        }
        return column.to_pandas(types_mapper=nullable.get)
    return column.to_pandas()


def _decode_objects(column: pa.ChunkedArray) -> Any:
    """Python objects of a column, made once for each distinct value (prices repeat a lot)."""
    import numpy as np

    encoded = column.combine_chunks().dictionary_encode()
    objects = np.fromiter([*encoded.dictionary.to_pylist(), None], dtype=object)
    return objects[encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)]


def from_frame(frame: pd.DataFrame) -> pa.Table:
    """A pandas frame as an Arrow table; its index is left out, NaN and NaT become nulls.

    Raises:
        WarehouseError: a column mixes types, or two have one name; the message names it.
    """
    import pyarrow as pa

    names = [str(label) for label in frame.columns]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise WarehouseError(f"The frame has two columns {', '.join(map(repr, doubled))}. Rename or drop one.")
    decimals = {name: parsed for name in frame.columns if (parsed := _parse_objects(frame[name])) is not None}
    try:
        rest = pa.Table.from_pandas(frame.drop(columns=list(decimals)), preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise WarehouseError(
            f"The frame cannot become a table: {'; '.join(map(str, error.args))}. Give the column one type."
        ) from error
    columns = [decimals[name] if name in decimals else rest.column(str(name)) for name in frame.columns]
    return pa.table(columns, names=names)


def _parse_objects(column: pd.Series[Any]) -> pa.ChunkedArray | None:
    """A column of ``Decimal`` objects as Arrow decimals, several times faster than by inference; else None.

    By way of text: of a ``Decimal`` with more than 38 decimals Arrow's own conversion may make another type
    than it declares, or end the process.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.dtype != object:
        return None
    known = column.head(_SAMPLE_ROWS).dropna()
    known = column.dropna() if known.empty else known
    if known.empty or not isinstance(known.iloc[0], Decimal):
        return None
    missing = column.isna().to_numpy()
    mask = missing if missing.any() else None
    texts = pa.array(list(map(str, column.tolist())), pa.string(), mask=mask)
    if pc.any(pc.match_substring(texts, "E")).as_py():
        plain = [None if text is None else format(Decimal(text), "f") for text in texts.to_pylist()]
        texts = pa.array(plain, pa.string())
    return parse_decimals(pa.chunked_array([texts]), str(column.name))
