"""Tables kept as files: they must never be older than the table, whatever was done to it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pyarrow as pa
import pytest

from include.warehouse import table_files
from include.warehouse.arrow import read_table, write_arrow
from include.warehouse.names import TableName
from include.warehouse.session import open_session
from include.warehouse.table_files import find_folder, read_kept_table
from include.warehouse.trace import trace_tables
from tests.unit.warehouse.test_arrow import EVERY_TYPE

TABLE = TableName("ml", "t")
ROWS = pa.table({"id": pa.array(range(50), pa.int64()), "value": pa.array([float(one) for one in range(50)])})


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of this test's own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    found = find_folder()
    assert found is not None
    return found


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[TableName]:
    """The tables that were read from the warehouse, in order."""
    names: list[TableName] = []

    def read(uri: str, name: TableName) -> pa.Table:
        names.append(name)
        return read_table(uri, name)

    monkeypatch.setattr(table_files, "read_table", read)
    return names


def test_a_table_is_fetched_once(warehouse_uri: str, fetched: list[TableName]) -> None:
    write_arrow(warehouse_uri, TABLE, EVERY_TYPE)

    first, second = read_kept_table(warehouse_uri, TABLE), read_kept_table(warehouse_uri, TABLE)

    assert fetched == [TABLE]
    assert first is not None
    assert second is not None
    assert second.equals(first, check_metadata=True)
    assert second.equals(read_table(warehouse_uri, TABLE), check_metadata=True)


@pytest.mark.parametrize(
    "change",
    [
        "insert into ml.t values (50, 50)",
        "update ml.t set value = 0 where id = 7",
        "update ml.t set value = value where id = 7",
        "delete from ml.t where id = 49",
        "delete from ml.t where id = 49; insert into ml.t values (49, 1)",
        "truncate ml.t; insert into ml.t select id, 1 from generate_series(0, 49) as id",
        "alter table ml.t rename column value to worth",
        "alter table ml.t add column more int default 3",
        "alter table ml.t alter column value type numeric(10, 2)",
        "drop table ml.t; create table ml.t as select id::bigint, id::double precision as value "
        "from generate_series(0, 49) as id",
    ],
)
def test_a_changed_table_is_fetched_again(warehouse_uri: str, fetched: list[TableName], change: str) -> None:
    write_arrow(warehouse_uri, TABLE, ROWS)
    read_kept_table(warehouse_uri, TABLE)
    with open_session(warehouse_uri) as session:
        session.execute(change)

    found = read_kept_table(warehouse_uri, TABLE)

    assert found is not None
    assert len(fetched) == 2
    assert found.equals(read_table(warehouse_uri, TABLE))


def test_an_older_transaction_that_commits_later_is_seen(warehouse_uri: str, fetched: list[TableName]) -> None:
    """Its number is lower than that of the newest row which was there before."""
    write_arrow(warehouse_uri, TABLE, ROWS)
    with open_session(warehouse_uri) as slow:
        slow.execute("update ml.t set value = -1 where id = 3")
        with open_session(warehouse_uri) as quick:
            quick.execute("update ml.t set value = -2 where id = 4")
        read_kept_table(warehouse_uri, TABLE)

    found = read_kept_table(warehouse_uri, TABLE)

    assert found is not None
    assert len(fetched) == 2
    assert sorted(found.column("value").to_pylist())[:2] == [-2, -1]


def test_a_change_while_a_table_is_read_leaves_no_file(
    warehouse_uri: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_arrow(warehouse_uri, TABLE, ROWS)

    def read(uri: str, name: TableName) -> pa.Table:
        rows = read_table(uri, name)
        with open_session(uri) as session:
            session.execute("insert into ml.t values (50, 50)")
        return rows

    monkeypatch.setattr(table_files, "read_table", read)

    read_kept_table(warehouse_uri, TABLE)

    assert list(folder.iterdir()) == []


def test_views_and_missing_tables_have_no_file(warehouse_uri: str, folder: Path) -> None:
    write_arrow(warehouse_uri, TABLE, ROWS)
    with open_session(warehouse_uri) as session:
        session.execute("create view ml.seen as select * from ml.t")

    seen = read_kept_table(warehouse_uri, TableName("ml", "seen"))

    assert seen is not None
    assert seen.num_rows == ROWS.num_rows
    assert read_kept_table(warehouse_uri, TableName("ml", "nothing")) is None
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"ARROW1\0\0 and no more", b"\xff" * 4096])
def test_a_broken_file_is_replaced(warehouse_uri: str, folder: Path, fetched: list[TableName], content: bytes) -> None:
    write_arrow(warehouse_uri, TABLE, ROWS)
    (folder / "ml.t.arrow").write_bytes(content)

    first, second = read_kept_table(warehouse_uri, TABLE), read_kept_table(warehouse_uri, TABLE)

    assert first == second == ROWS
    assert fetched == [TABLE]


def test_a_folder_that_others_can_enter_is_not_used(
    warehouse_uri: str, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_arrow(warehouse_uri, TABLE, ROWS)
    folder.chmod(0o777)

    found = read_kept_table(warehouse_uri, TABLE)

    assert found == ROWS
    assert list(folder.iterdir()) == []
    assert f"{folder} is not a folder that only this user can enter" in caplog.text


def test_what_is_read_from_a_file_is_lineage_all_the_same(warehouse_uri: str) -> None:
    write_arrow(warehouse_uri, TABLE, ROWS)
    read_kept_table(warehouse_uri, TABLE)

    with trace_tables() as trace:
        read_kept_table(warehouse_uri, TABLE)

    assert list(trace.reads) == [TABLE]
