"""What is read of a source is bounded, and a file that cannot be read is named with its reason."""

from __future__ import annotations

import gzip
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.adopt.file_sets import find_files
from include.adopt.sample import MAX_ROWS, read_sample
from include.errors import SourceError


def refuse(inbox, start=None) -> str:
    with pytest.raises(SourceError) as caught:
        inbox.propose(start)
    return str(caught.value)


def test_the_first_files_and_the_last_ones_are_read(inbox) -> None:
    days = [date(2026, 1, 1) + timedelta(days=offset) for offset in range(30)]
    for day in days:
        inbox.write(f"{day}.csv", f"id,at\n{day.day},{day}\n")

    sample = read_sample(find_files(inbox.folder))

    assert [one.file.day for one in sample.files] == [*days[:10], *days[-2:]]
    assert sample.row_count == 12
    assert "Read 12 of 30 file(s)" in inbox.propose().describe()


@pytest.mark.parametrize("name", ["2026-03-02.csv", "2026-03-02.csv.gz", "2026-03-02.jsonl", "2026-03-02.parquet"])
def test_no_more_rows_of_a_file_are_read_than_said(inbox, name: str) -> None:
    numbers = range(MAX_ROWS + 7)
    if name.endswith("jsonl"):
        inbox.write(name, "".join(f'{{"id": {number}}}\n' for number in numbers))
    elif name.endswith("parquet"):
        pq.write_table(pa.table({"id": pa.array(numbers)}), inbox.folder / name)
    else:
        text = ("id\n" + "".join(f"{number}\n" for number in numbers)).encode()
        inbox.write(name, gzip.compress(text) if name.endswith("gz") else text)

    assert read_sample(find_files(inbox.folder)).row_count == MAX_ROWS


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("2026-03-02.parquet", b"PAR1 but not really PAR1", "cannot be read as Parquet"),
        ("2026-03-02.csv", b"", "is empty (0 bytes)"),
        ("2026-03-02.csv.gz", gzip.compress(b"", mtime=0), "is empty when unpacked"),
        ("2026-03-02.csv.gz", gzip.compress(b"id\n" + bytes(range(48, 58)) * 9000, mtime=0)[:-20], "cannot be read"),
        ("2026-03-02.csv", b"PK\x03\x04 a workbook,of,Excel\n1,2,3\n", "Excel workbook"),
        ("2026-03-02.csv", b"id,place\n1,Bonn\n2\n", "line 3 has 1 value(s) where the header has 2"),
        ("2026-03-02.csv", b'id,place\n1,"Bonn, Rhein"x\n2,Ulm\n', "the row that begins on line 2 has a quote"),
        ("2026-03-02.csv", b'id,"place\n' + b"1,Bonn\n" * 60_000, "cannot be declared"),
        ("2026-03-02.csv", b'id,"pla"ce\n1,"Bonn, Rhein"\n2,Ulm\n', "the row that begins on line 1 has a quote"),
        ("2026-03-02.csv", b"id,place,id\n1,Bonn,2\n", "occur more than once"),
        ("2026-03-02.jsonl", b'[{"id": 1}]\n', "line 1 is not one JSON object but a list"),
        ("2026-03-02.jsonl", b'{"id": 1}\n{"id"\n', "line 2 is not one JSON object"),
        ("2026-03-02.jsonl", b'{"id": "K\xf6ln"}\n', "decode"),
    ],
)
def test_an_unreadable_file_is_named_with_its_reason(inbox, name: str, content: bytes, reason: str) -> None:
    path = inbox.write(name, content)

    message = refuse(inbox)

    assert str(path) in message
    assert reason in message
    assert len(message) < 600


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ("day", "ingestion adds a column of that name"),
        ("ctid", "PostgreSQL has a column of its own"),
        ("x" * 64, "1 to 63 bytes"),
        ("ä" * 32, "1 to 63 bytes"),
        ("50%", "percent signs"),
        ("", "1 to 63 bytes"),
    ],
)
def test_a_column_that_the_settings_refuse_is_named(inbox, column: str, reason: str) -> None:
    path = inbox.write_csv("2026-03-02.csv", f"id,{column}", ["1,2"])

    message = refuse(inbox)

    assert message.startswith(f"Column {column!r} of {path} cannot be declared: expected ")
    assert reason in message


def test_a_column_with_a_quote_is_refused(inbox) -> None:
    inbox.write_json("2026-03-02.jsonl", [{"id": 1, 'a"b': 2}])

    assert "without quotes" in refuse(inbox)


def test_names_of_any_alphabet_and_keywords_are_taken(inbox) -> None:
    inbox.write_csv("2026-03-02.csv", "id,select,größe,дата,no,null,Order Total", ["1,a,b,c,d,e,f", "2,a,b,c,d,e,f"])

    names = list(inbox.declare()["columns"])

    assert names == ["id", "select", "größe", "дата", "no", "null", "Order Total"]
