"""Files that are read in many blocks: the same rows, and the same words about what is wrong, as in one."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.errors import SourceError
from include.settings.section import parse_section
from include.settings.source_base import SourceBase
from include.settings.sources import SourceSettings
from include.sources import csv_files, formats, json_lines
from include.sources.files import read_blocks

ZONE = "America/New_York"
ROWS = 40


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of three or four rows."""
    monkeypatch.setattr(csv_files, "_BLOCK_BYTES", 160)
    monkeypatch.setattr(json_lines, "_BLOCK_BYTES", 400)
    monkeypatch.setattr(formats, "_BLOCK_ROWS", 4)


def declare(form: str) -> SourceBase:
    kinds = {"code": "string", "count": "int64", "on": "date", "at": "timestamp"}
    source = {
        "kind": "files", "path": f"{{day}}.{form}", "format": form, "grain": "snapshot", "key": ["code"],
        "columns": {name: {"type": kind, "nullable": True} for name, kind in kinds.items()},
    }  # fmt: skip
    return parse_section({"sources": {"prices": source}}, SourceSettings, "development", "s.yml").sources["prices"]


def list_rows() -> list[list[str]]:
    return [[f"c{number}", str(number), "2026-03-09", "2026-03-09T12:00:00Z"] for number in range(ROWS)]


def write_csv(path: Path, rows: list[list[str]]) -> Path:
    path.write_text("code,count,on,at\n" + "".join(",".join(row) + "\n" for row in rows))
    return path


def write_json(path: Path, rows: list[list[str]]) -> Path:
    lines = [f'{{"code": "{code}", "count": {count}, "on": "{on}", "at": "{at}"}}\n' for code, count, on, at in rows]
    path.write_text("".join(lines))
    return path


def read(form: str, path: Path) -> list[pa.Table]:
    return list(read_blocks("prices", declare(form), path, ZONE))


def refuse(form: str, path: Path) -> str:
    with pytest.raises(SourceError) as caught:
        read(form, path)
    return str(caught.value)


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_all_rows_come_in_their_order(tmp_path, form: str) -> None:
    rows = list_rows()
    path = tmp_path / f"day.{form}"
    if form == "parquet":
        columns = {"code": [row[0] for row in rows], "count": range(ROWS), "on": [date(2026, 3, 9)] * ROWS}
        pq.write_table(pa.table({**columns, "at": [datetime(2026, 3, 9, 12, tzinfo=UTC)] * ROWS}), path)
    else:
        (write_csv if form == "csv" else write_json)(path, rows)

    blocks = read(form, path)

    assert len(blocks) > 5
    assert pa.concat_tables(blocks).to_pylist() == [
        {"code": f"c{number}", "count": number, "on": date(2026, 3, 9), "at": datetime(2026, 3, 9, 12, tzinfo=UTC)}
        for number in range(ROWS)
    ]


@pytest.mark.parametrize(("form", "line"), [("csv", 32), ("jsonl", 31)])
def test_a_value_in_a_later_block_is_named_by_its_line(tmp_path, form: str, line: int) -> None:
    rows = list_rows()
    rows[30][2] = "yesterday"
    path = (write_csv if form == "csv" else write_json)(tmp_path / f"day.{form}", rows)

    assert f"column 'on' is declared date; line {line} holds 'yesterday'" in refuse(form, path)


def test_a_row_of_parquet_is_named_by_its_number(tmp_path) -> None:
    columns = {"code": [str(number) for number in range(ROWS)], "on": pa.nulls(ROWS), "at": pa.nulls(ROWS)}
    pq.write_table(pa.table({**columns, "count": [1.0] * 30 + [1.5] * 10}), tmp_path / "day.parquet")

    assert "row 31 holds 1.5" in refuse("parquet", tmp_path / "day.parquet")


@pytest.mark.parametrize("column", [2, 3], ids=["date", "timestamp"])
@pytest.mark.parametrize(("first", "later"), [("Z", ""), ("", "Z")])
def test_moments_with_a_zone_and_without_are_not_mixed(tmp_path, column: int, first: str, later: str) -> None:
    rows = list_rows()
    for number, row in enumerate(rows):
        row[column] = f"2026-03-09T00:00:00{first if number < 30 else later}"

    message = refuse("csv", write_csv(tmp_path / "day.csv", rows))

    assert f"line 32 holds '2026-03-09T00:00:00{later}'" in message


def test_days_and_midnights_are_mixed_as_in_one_block(tmp_path) -> None:
    rows = list_rows()
    rows[30][2] = "2026-03-10 00:00:00"

    table = pa.concat_tables(read("csv", write_csv(tmp_path / "day.csv", rows)))

    assert table.column("on")[30].as_py() == date(2026, 3, 10)


def test_an_open_quote_explains_more_than_the_value_before_it(tmp_path) -> None:
    rows = list_rows()
    rows[4][1] = "many"
    rows[30][0] = '"c30'

    assert "the row that begins on line 32 has a quote that is not closed" in refuse(
        "csv", write_csv(tmp_path / "day.csv", rows)
    )


def test_a_row_that_is_cut_off_after_many_good_ones_refuses_the_file(tmp_path) -> None:
    path = write_csv(tmp_path / "day.csv", list_rows())
    path.write_text(path.read_text()[:-30])

    assert "truncated" in refuse("csv", path)


def test_a_column_that_only_later_lines_have_counts_as_there(tmp_path) -> None:
    path = write_json(tmp_path / "day.jsonl", list_rows())
    lines = path.read_text().splitlines()
    path.write_text(
        "\n".join([*(line.replace(', "at": "2026-03-09T12:00:00Z"', "") for line in lines[:30]), *lines[30:]])
    )

    table = pa.concat_tables(read("jsonl", path))

    assert table.column("at").null_count == 30


def test_a_column_that_is_not_declared_is_named_in_a_later_block_too(tmp_path) -> None:
    path = write_json(tmp_path / "day.jsonl", list_rows())
    path.write_text(path.read_text() + '{"code": "c", "extra": 1}\n')

    assert "column(s) 'extra' are not declared" in refuse("jsonl", path)


def test_an_object_over_two_lines_is_refused_where_blocks_part_it(tmp_path) -> None:
    path = write_json(tmp_path / "day.jsonl", list_rows())
    path.write_text(path.read_text().replace('{"code": "c30",', '{"code": "c30",\n' + " " * 300 + "\n"))

    assert "line 31 is not one JSON object" in refuse("jsonl", path)
