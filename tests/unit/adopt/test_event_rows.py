"""A few columns of a file of events are read as ingestion reads them, and nothing is asked of the others."""

from __future__ import annotations

import gzip
import json
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.adopt import event_rows
from include.adopt.event_rows import EventReader
from include.errors import SourceError
from include.settings.source_kinds import FileSource

FIRST, LAST = date(2026, 3, 1), date(2026, 3, 3)
COLUMNS: dict[str, Any] = {
    "reading_no": {"type": "int64"},
    "hall": {"type": "string", "nullable": True},
    "value": {"type": "int64", "nullable": True},
    "read_at": {"type": "timestamp"},
    "heat": {"type": "float64", "nullable": True},
    "note": {"type": "string", "nullable": True},
}
HEADER = ",".join(COLUMNS)
# 23:30 UTC is the next day in Berlin.
LINES = [
    '1,"it\'s, ""south""",7,2026-02-28T23:30:00Z,1.5,x', "2,,7,2026-03-01T10:00:00Z,2.5,x",
    "3,Öst,,2026-03-02T10:00:00Z,,x", "4,Öst,8,2026-03-03T22:59:00Z,1e200,x", "5,Öst,8,2026-03-03T23:00:00Z,1,x",
]  # fmt: skip
EXPECTED = {
    "key_0": ['it\'s, "south"', None, "Öst", "Öst"],
    "key_1": [7, 7, None, 8],
    "day": [FIRST, FIRST, date(2026, 3, 2), LAST],
    "value": [1.5, 2.5, None, None],
}


def make_reader(form: str = "csv", summed: str | None = "heat", **more: Any) -> EventReader:
    """Of two keys, one of which is called like a column of what is read."""
    content = {
        "kind": "files", "path": f"readings/{{day}}.{form}", "format": form.split(".", maxsplit=1)[0], "grain": "daily",
        "key": ["reading_no"], "event_column": "read_at", "columns": COLUMNS, **more,
    }  # fmt: skip
    source = FileSource.model_validate_json(json.dumps(content))
    return EventReader("readings", source, "Europe/Berlin", ("hall", "value"), summed)


def read(reader: EventReader, path: Path) -> dict[str, list[Any]]:
    return pa.concat_tables(reader.read(path, FIRST, LAST)).to_pydict()


def write_csv(path: Path, *lines: str) -> Path:
    path.write_text("\n".join((HEADER, *lines)) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("block_bytes", [64, 4 << 20])
def test_the_columns_of_a_csv_file_are_read(tmp_path: Path, block_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_rows, "_BLOCK_BYTES", block_bytes)
    path = write_csv(tmp_path / "a.csv", *LINES)
    assert read(make_reader(), path) == EXPECTED
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert read(make_reader("csv.gz"), tmp_path / "b.csv.gz") == EXPECTED


def test_the_style_of_a_csv_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    text = "\n".join((HEADER.replace(",", ";"), "2;Öst;7;2026-03-01T10:00:00Z;2,5;x"))
    path.write_bytes(text.encode("cp1252"))
    style = {"delimiter": ";", "decimal": ",", "encoding": "cp1252"}
    assert read(make_reader(csv=style), path) == {
        "key_0": ["Öst"], "key_1": [7], "day": [FIRST], "value": [2.5]
    }  # fmt: skip


def test_the_columns_of_other_formats_are_read(tmp_path: Path) -> None:
    from include.sources.files import read_blocks

    path = write_csv(tmp_path / "a.csv", *LINES)
    table = pa.concat_tables(read_blocks("readings", make_reader().source, path, "Europe/Berlin"))
    pq.write_table(table, tmp_path / "a.parquet")
    lines = (json.dumps(row, default=lambda at: at.isoformat()) for row in table.to_pylist())
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    assert read(make_reader("parquet"), tmp_path / "a.parquet") == EXPECTED
    assert read(make_reader("jsonl"), tmp_path / "a.jsonl") == EXPECTED


def test_where_nothing_is_summed_there_is_no_value(tmp_path: Path) -> None:
    assert set(read(make_reader(summed=None), write_csv(tmp_path / "a.csv", *LINES))) == {"key_0", "key_1", "day"}


def test_a_sum_of_whole_numbers_is_of_floats(tmp_path: Path) -> None:
    found = read(make_reader(summed="reading_no"), write_csv(tmp_path / "a.csv", *LINES))
    assert found["value"] == [1.0, 2.0, 3.0, 4.0]


def test_a_file_with_a_header_only_has_no_rows(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv")
    assert sum(block.num_rows for block in make_reader().read(path, FIRST, LAST)) == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is empty"),
        (HEADER.replace("hall", "hal") + f"\n{LINES[0]}\n", "'hall' is missing .renamed to 'hal'"),
        (f"{HEADER}\n{LINES[0]}\n2,a,x,2026-03-01T10:00:00Z,2.5,x\n", "'value' is declared int64; line 3 holds 'x'"),
        (f"{HEADER}\n{LINES[0]}\n2,a\n", "has 2 value"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_as_ingestion_says_it(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(SourceError, match=message):
        read(make_reader(), path)


def test_a_value_of_another_column_that_does_not_fit_is_not_looked_at(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", "no number,a,7,2026-03-01T10:00:00Z,2.5,x")
    assert read(make_reader(), path)["value"] == [2.5]
