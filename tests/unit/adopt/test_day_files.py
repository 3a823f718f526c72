"""One file of all rows becomes one for each day, with every row once and every day there."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from include.adopt import day_files
from include.adopt.day_files import DayFiles, split_by_day
from include.commands.console import Pace
from include.errors import SourceError
from include.sources.files import EMPTY_BECAUSE

FIRST = date(2026, 3, 2)
GAP = date(2026, 3, 4)


@pytest.fixture
def orders(inbox) -> Path:
    """A file of four days, not in order, with one day left out; north of midnight in Berlin is another day."""
    rows = []
    for number in range(900):
        day = FIRST + timedelta(days=(number * 7) % 5)
        if day != GAP:
            kind = "rare" if number == 898 else "AB"[number % 2]
            amount = "" if number == 897 else str(-5.5 if number == 895 else number / 2)
            rows.append(f"{1000 + number},{number % 40},{day}T{8 + number % 10:02}:00:00Z,{kind},{amount}")
    rows.append("9999,3,2026-03-05T23:30:00Z,A,1")
    return inbox.write_csv("orders.csv", "order_id,member_id,ordered_at,kind,amount", rows)


def split(inbox, path: Path, event: str = "ordered_at") -> DayFiles:
    return split_by_day(inbox.propose(path), event, "Europe/Berlin", inbox.folder.parent / "orders_by_day", print)


def test_each_row_is_in_the_file_of_its_day_and_the_days_have_no_gap(inbox, orders: Path) -> None:
    made = split(inbox, orders)
    assert (made.first, made.last, made.empty_days) == (FIRST, date(2026, 3, 6), 1)
    tables = {date.fromisoformat(path.stem): pq.read_table(path) for path in sorted(made.folder.iterdir())}
    assert list(tables) == [FIRST + timedelta(days=offset) for offset in range(5)]
    lines = orders.read_text().splitlines()[1:]
    assert sum(table.num_rows for table in tables.values()) == made.row_count == len(lines)
    written = pa.concat_tables(tables.values()).column("order_id").to_pylist()
    assert sorted(written) == sorted(int(line.split(",")[0]) for line in lines)
    for day, table in tables.items():
        local = pc.cast(
            pc.local_timestamp(table.column("ordered_at").cast(pa.timestamp("us", "Europe/Berlin"))), pa.date32()
        )
        assert set(local.to_pylist()) <= {day}
    assert 9999 in tables[date(2026, 3, 6)].column("order_id").to_pylist()
    assert tables[GAP].num_rows == 0
    assert (
        b"orders.csv has no rows of this day"
        in (pq.read_schema(made.folder / f"{GAP}.parquet").metadata or {}).values()
    )
    assert EMPTY_BECAUSE.encode() in pq.read_schema(made.folder / f"{GAP}.parquet").metadata


def test_long_work_says_how_far_it_is(inbox, orders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(day_files, "Pace", lambda tell: Pace(tell, every_s=0.0))
    split_by_day(inbox.propose(orders), "ordered_at", "Europe/Berlin", inbox.folder.parent / "x", said.append)
    assert re.fullmatch(r"  orders: 7\d\d rows read of orders\.csv \(0 MB\)", said[0])
    assert said[-1] == "  orders: days written until 2026-03-06, of 2026-03-02 to 2026-03-06"


def test_rows_that_do_not_fit_into_memory_are_put_aside_and_come_back_once(
    inbox, orders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = split(inbox, orders)
    expected = {path.name: pq.read_table(path) for path in whole.folder.iterdir()}
    blocks = day_files.read_blocks

    def in_pieces(*arguments: Any) -> Any:
        for block in blocks(*arguments):
            for start in range(0, block.num_rows, 100):
                yield block.slice(start, 100)

    monkeypatch.setattr(day_files, "read_blocks", in_pieces)
    monkeypatch.setattr(day_files, "SPILL_BYTES", 1)
    made = split_by_day(inbox.propose(orders), "ordered_at", "Europe/Berlin", inbox.folder.parent / "again", print)
    assert {path.name for path in made.folder.iterdir()} == set(expected)
    for path in made.folder.iterdir():
        assert pq.read_table(path).sort_by("order_id") == expected[path.name].sort_by("order_id")


def test_what_only_later_rows_show_is_declared(inbox, orders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from include.adopt import sample

    monkeypatch.setattr(sample, "MAX_ROWS", 300)
    new = inbox.propose(orders)
    assert new.declaration.content["columns"]["kind"]["allowed"] == ["A", "B"]
    assert new.declaration.content["columns"]["amount"] == {"type": "float64", "min": 0}
    columns = split_by_day(new, "ordered_at", "Europe/Berlin", inbox.folder.parent / "x", print).columns
    assert columns["kind"]["allowed"] == ["A", "B", "rare"]
    assert columns["amount"] == {"type": "float64", "nullable": True}


def test_a_row_without_its_time_is_an_error_that_leaves_nothing(inbox, orders: Path) -> None:
    text = orders.read_text()
    orders.write_text(text.replace("2026-03-05T23:30:00Z", ""))
    with pytest.raises(SourceError, match=r"orders\.csv: 1 row\(s\) have no ordered_at"):
        split(inbox, orders)
    assert sorted(path.name for path in inbox.folder.parent.iterdir()) == ["orders"]


def test_a_date_that_cannot_be_is_named(inbox, orders: Path) -> None:
    orders.write_text(orders.read_text().replace("2026-03-05T23:30:00Z", "1900-01-01T00:00:00Z"))
    with pytest.raises(SourceError, match=r"ordered_at goes from 1900-01-01 to 2026-03-06"):
        split(inbox, orders)


def test_a_folder_with_other_files_is_not_touched(inbox, orders: Path) -> None:
    folder = inbox.folder.parent / "orders_by_day"
    folder.mkdir()
    (folder / "mine.parquet").write_bytes(b"x")
    with pytest.raises(SourceError, match=r"orders_by_day holds other files already; remove it"):
        split(inbox, orders)
    assert [path.name for path in folder.iterdir()] == ["mine.parquet"]


@pytest.mark.parametrize("spoil", ["2026-03-02.parquet", "2026-03-99.parquet"])
def test_what_is_there_already_stays_if_it_is_the_same(inbox, orders: Path, spoil: str) -> None:
    first = split(inbox, orders)
    assert split(inbox, orders) == first
    (first.folder / spoil).write_bytes(b"another")
    with pytest.raises(SourceError, match="holds other files already"):
        split(inbox, orders)
    assert (first.folder / spoil).read_bytes() == b"another"


def test_what_a_killed_process_has_left_is_removed(inbox, orders: Path) -> None:
    left = inbox.folder.parent / ".orders_by_day.abc.drafts" / "files"
    left.mkdir(parents=True)
    split(inbox, orders)
    assert sorted(path.name for path in inbox.folder.parent.iterdir()) == ["orders", "orders_by_day"]
