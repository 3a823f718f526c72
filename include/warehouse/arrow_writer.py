"""Streams of Arrow tables into the warehouse: memory holds one block, whatever their number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from include.warehouse.arrow import CHUNK_ROWS, open_adbc
from include.warehouse.arrow_types import match_columns, plain_types
from include.warehouse.names import TableName

if TYPE_CHECKING:
    import pyarrow as pa


@contextmanager
def open_writer(uri: str, table: TableName) -> Iterator[ArrowWriter]:
    """A writer of rows into a table that exists, on one connection.

    It reports no write: who makes the rows visible does.

    Raises:
        WarehouseError: the warehouse cannot be reached or refuses the rows.
    """
    with open_adbc(uri) as connection, connection.cursor() as cursor:
        cursor.execute(f"select * from {table.quoted} limit 0")
        schema = cursor.fetch_arrow_table().schema
        connection.commit()
        yield ArrowWriter(connection, cursor, table, schema)


class ArrowWriter:
    """Appends streams of blocks to one table, each in a transaction of its own."""

    def __init__(self, connection: Any, cursor: Any, table: TableName, schema: pa.Schema) -> None:
        self._connection = connection
        self._cursor = cursor
        self._table = table
        self._schema = schema

    def append(self, blocks: Iterable[pa.Table]) -> int:
        """Append the rows of all blocks and commit; the number of rows.

        What is raised while the blocks are made is raised here, and none of their rows is in the table then.

        Args:
            blocks: one at least, all of the same schema.
        """
        import pyarrow as pa

        stream = _Stream(blocks, self._schema, str(self._table))
        batches = stream.list_batches()
        first = next(batches, None)
        if first is not None:
            reader = pa.RecordBatchReader.from_batches(first.schema, _put_back(first, batches))
            self._cursor.adbc_ingest(self._table.name, reader, mode="append", db_schema_name=self._table.schema)
        if stream.error is not None:
            self._connection.rollback()
            raise stream.error
        self._connection.commit()
        return stream.rows


class _Stream:
    """Blocks on their way to the driver. An error ends them: the driver would lose its type, and its own state."""

    def __init__(self, blocks: Iterable[pa.Table], schema: pa.Schema, table: str) -> None:
        self.error: BaseException | None = None
        self.rows = 0
        self._blocks = blocks
        self._schema = schema
        self._table = table

    def list_batches(self) -> Iterator[pa.RecordBatch]:
        try:
            for block in self._blocks:
                matched = plain_types(match_columns(block, self._schema, self._table))
                self.rows += matched.num_rows
                yield from matched.to_batches(max_chunksize=CHUNK_ROWS)
        except BaseException as error:
            self.error = error


def _put_back(first: pa.RecordBatch, rest: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield first
    yield from rest
