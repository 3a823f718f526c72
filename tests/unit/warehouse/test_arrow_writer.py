"""Streams into a table: each whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest

from include.errors import WarehouseError
from include.warehouse.arrow_writer import open_writer
from include.warehouse.names import TableName
from include.warehouse.session import open_session

TABLE = TableName("landing", "readings")


class SpoiltError(Exception):
    pass


def list_blocks(count: int, spoilt: int | None = None) -> Iterator[pa.Table]:
    for number in range(count):
        if number == spoilt:
            raise SpoiltError(f"block {number}")
        yield pa.table({"id": [number], "label": [f"l{number}"]})


@pytest.fixture
def uri(warehouse_uri: str) -> str:
    with open_session(warehouse_uri) as session:
        session.execute("create unlogged table landing.readings (id bigint, label text)")
    return warehouse_uri


def read_ids(uri: str) -> list[int]:
    with open_session(uri) as session:
        return [row["id"] for row in session.fetch_all("select id from landing.readings order by id")]


EMPTY = pa.table({"id": pa.array([], pa.int64()), "label": pa.array([], pa.string())})


def test_all_blocks_of_all_streams_arrive(uri: str) -> None:
    with open_writer(uri, TABLE) as writer:
        assert writer.append(list_blocks(3)) == 3
        assert writer.append(iter([EMPTY])) == 0
        assert writer.append(list_blocks(1)) == 1

    assert read_ids(uri) == [0, 0, 1, 2]


@pytest.mark.parametrize("spoilt", [0, 2])
def test_a_stream_that_breaks_leaves_nothing_and_the_next_one_arrives(uri: str, spoilt: int) -> None:
    with open_writer(uri, TABLE) as writer:
        with pytest.raises(SpoiltError, match=f"block {spoilt}"):
            writer.append(list_blocks(4, spoilt))
        writer.append(list_blocks(2))

    assert read_ids(uri) == [0, 1]


def test_what_the_table_cannot_hold_is_refused(uri: str) -> None:
    with pytest.raises(WarehouseError, match="has no column 'other'"), open_writer(uri, TABLE) as writer:
        writer.append(iter([pa.table({"other": [1]})]))

    assert read_ids(uri) == []
