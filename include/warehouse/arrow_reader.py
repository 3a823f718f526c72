"""Results of queries as a stream of Arrow tables: memory holds one block, whatever their number."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

from include.warehouse.arrow import CHUNK_ROWS, forget_types, has_unknown_type, open_adbc
from include.warehouse.arrow_types import restore_decimals
from include.warehouse.trace import PendingWrites

if TYPE_CHECKING:
    import pyarrow as pa


def stream_arrow(
    uri: str, sql: str, *, rows_at_once: int = CHUNK_ROWS, is_nan_missing: bool = False
) -> Iterator[pa.Table]:
    """Run a query and yield its rows in tables of ``rows_at_once`` rows, the last one of fewer; none for no rows.

    Types are those of :func:`include.warehouse.arrow.read_arrow`, except that a ``numeric`` without a declared scale
    has in each table the scale that its values need there. The statement is open until the stream ends or is closed.

    Raises:
        WarehouseError: the query was refused, or a ``numeric`` has no exact decimal form.
    """
    pending = PendingWrites()
    pending.add_statement(sql)
    with open_adbc(uri, knows_all=False) as connection, connection.cursor() as cursor:
        reader = _run(cursor, sql)
        if not any(map(has_unknown_type, reader.schema)):
            yield from _cut(reader, rows_at_once, is_nan_missing=is_nan_missing)
            return
        reader.close()
    forget_types()
    with open_adbc(uri) as connection, connection.cursor() as cursor:
        yield from _cut(_run(cursor, sql), rows_at_once, is_nan_missing=is_nan_missing)


def _run(cursor: Any, sql: str) -> pa.RecordBatchReader:
    cursor.execute(sql)
    return cursor.fetch_record_batch()


def _cut(reader: pa.RecordBatchReader, rows_at_once: int, *, is_nan_missing: bool) -> Iterator[pa.Table]:
    """The rows of a reader, whose own batches are cut by bytes, in tables of equal size."""
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    count = 0
    with closing(reader):
        for batch in reader:
            taken = 0
            while taken < batch.num_rows:
                part = batch.slice(taken, rows_at_once - count)
                taken += part.num_rows
                held.append(part)
                count += part.num_rows
                if count == rows_at_once:
                    yield restore_decimals(pa.Table.from_batches(held), is_nan_missing=is_nan_missing)
                    held, count = [], 0
        if held:
            yield restore_decimals(pa.Table.from_batches(held), is_nan_missing=is_nan_missing)
