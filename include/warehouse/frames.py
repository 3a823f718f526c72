"""Frames in and out of Arrow, with the dtypes that pandas users expect."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from include.errors import WarehouseError
from include.warehouse.arrow_types import MAX_PRECISION

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
        WarehouseError: a column mixes types; the message names it.
    """
    import pyarrow as pa

    decimals = {name: parsed for name in frame.columns if (parsed := _parse_objects(frame[name])) is not None}
    try:
        rest = pa.Table.from_pandas(frame.drop(columns=list(decimals)), preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise WarehouseError(
            f"The frame cannot become a table: {'; '.join(map(str, error.args))}. Give the column one type."
        ) from error
    columns = [decimals[name] if name in decimals else rest.column(str(name)) for name in frame.columns]
    return pa.table(columns, names=[str(name) for name in frame.columns])


def _parse_objects(column: pd.Series[Any]) -> pa.Array | None:
    """A column of ``Decimal`` objects with at most the first one's decimals, in a tenth of inference's time.

    None for other columns: these are left to inference, which finds their types or refuses them.
    """
    import pandas as pd
    import pyarrow as pa

    values = column.tolist() if column.dtype == object else []
    first = next((value for value in values if not isinstance(value, float | None | type(pd.NA))), None)
    if not isinstance(first, Decimal) or not first.is_finite():
        return None
    kind = pa.decimal128(MAX_PRECISION, max(-int(first.as_tuple().exponent), 0))
    # To look at each value for NaN takes as long again, and few columns have one.
    for is_pandas in (False, True):
        with suppress(pa.ArrowInvalid, pa.ArrowTypeError):
            return pa.array(values, kind, from_pandas=is_pandas)
    return None
