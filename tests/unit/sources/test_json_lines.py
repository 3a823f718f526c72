"""JSON lines: one object a line, held to the same declarations as CSV and Parquet."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from include.errors import SourceError
from include.settings.section import parse_section
from include.settings.sources import SourceSettings
from tests.unit.sources.whole import read_file

LINES = [
    {"code": "007", "count": 3, "price": 1, "on": "2026-03-09", "at": "2026-03-09T12:00:00Z"},
    {"code": "2026-03-09", "price": None, "at": None},
    {"at": "2026-03-09T12:00:00.25-05:00", "on": None, "price": 0.5, "count": -1, "code": "Zürich\n\"West\""},
]  # fmt: skip
ROWS = [
    {"code": "007", "count": 3, "price": 1.0, "on": date(2026, 3, 9), "at": datetime(2026, 3, 9, 12, tzinfo=UTC)},
    {"code": "2026-03-09", "count": None, "price": None, "on": None, "at": None},
    {"code": 'Zürich\n"West"', "count": -1, "price": 0.5, "on": None,
     "at": datetime(2026, 3, 9, 17, 0, 0, 250_000, tzinfo=UTC)},
]  # fmt: skip
GOOD = json.dumps(LINES[0])


def write(lines: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()


def read(path: Path, content: bytes) -> pa.Table:
    path.write_bytes(content)
    kinds = {"code": "string", "count": "int64", "price": "float64", "on": "date", "at": "timestamp"}
    source = {
        "kind": "files", "path": "{day}.jsonl", "format": "jsonl", "grain": "snapshot", "key": ["code"],
        "columns": {name: {"type": kind, "nullable": True} for name, kind in kinds.items()},
    }  # fmt: skip
    settings = parse_section({"sources": {"prices": source}}, SourceSettings, "development", "sources.yml")
    return read_file("prices", settings.sources["prices"], path, "America/New_York")


def refuse(path: Path, content: bytes) -> str:
    with pytest.raises(SourceError) as caught:
        read(path, content)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "2026-03-09.jsonl"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(write(LINES), id="plain"),
        pytest.param(b"\n" + write(LINES).replace(b"\n", b"\r\n\r\n"), id="blank lines"),
        pytest.param(b"\xef\xbb\xbf" + write(LINES).rstrip(b"\n"), id="a byte-order mark"),
        pytest.param(write(LINES).decode().encode("utf-16"), id="UTF-16 with its mark"),
        pytest.param(gzip.compress(write(LINES)), id="gzip"),
    ],
)
def test_objects_become_rows_of_declared_types(path: Path, content: bytes) -> None:
    assert read(path, content).to_pylist() == ROWS


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"code": "a", "count": "3"}', "column 'count' is declared int64; line 4 holds '3'"),
        ('{"code": "a", "count": 1.5}', "column 'count' is declared int64; line 4 holds 1.5"),
        ('{"code": "a", "count": 9223372036854775808}', "line 4 holds 9223372036854775808"),
        ('{"code": "a", "price": true}', "column 'price' is declared float64; line 4 holds True"),
        ('{"code": 7}', "column 'code' is declared string; line 4 holds 7"),
        ('{"code": "a", "on": "09.03.2026"}', "column 'on' is declared date; line 4 holds '09.03.2026'"),
        ('{"code": {"a": 1}}', "line 4 holds {'a': 1}"),
        ('{"code": "a", "code": "b"}', "line 4 cannot be read"),
        ('{"code": "a", "price": 1e400}', "column 'price' is declared float64; line 4 holds inf"),
        ('{"code": "a"} {"code": "b"}', "line 4 is not one JSON object"),
        ('{\n"code": "a"}', "line 4 is not one JSON object"),
        ('["a"]', "line 4 is not one JSON object but a list"),
        ('{"code": "a"', "line 4 is not one JSON object"),
    ],
)
def test_the_first_bad_line_is_named(path: Path, line: str, expected: str) -> None:
    message = refuse(path, f"{GOOD}\n\n{GOOD}\n{line}\n{GOOD}\n".encode())

    assert expected in message
    assert "truncated" not in message


def test_what_is_true_or_false_is_text_in_a_column_of_text(path: Path) -> None:
    lines = [*({**LINES[0], "code": bool(n % 2)} for n in range(3)), {"code": None}]
    assert read(path, write(lines)).column("code").to_pylist() == ["false", "true", "false", None]
    assert "true or false among texts" in refuse(path, write([*lines, {"code": "a"}]))
    assert "column 'on' is declared date; line 1 holds True" in refuse(path, write([LINES[0] | {"on": True}]))


def test_a_bad_line_is_found_among_many(path: Path) -> None:
    lines = [GOOD] * 25_000
    lines[23_456] = '{"count": "many"}'

    assert "line 23457 holds 'many'" in refuse(path, "\n".join(lines).encode())


def test_a_file_that_ends_within_a_line_is_truncated(path: Path) -> None:
    message = refuse(path, f"{GOOD}\n{GOOD[:-9]}".encode())

    assert "line 2 is not one JSON object" in message
    assert "truncated" in message


def test_a_byte_that_is_not_utf8_is_named(path: Path) -> None:
    content = f"{GOOD}\n".encode() + '{"code": "Zürich"}\n'.encode("latin-1")

    assert f"byte 0xfc on line 2, {content.index(0xFC)} bytes from the start" in refuse(path, content)


def test_a_column_that_no_line_has_is_missing(path: Path) -> None:
    lost = write([{"code": "a", "count": None, "price": 1, "on": None}, {"code": "b", "price": 2}])
    renamed = write([{**line, "prices": line.get("price")} for line in LINES]).replace(b'"price":', b'"cost":')

    assert "column 'at' is missing" in refuse(path, lost)
    assert "column 'count' is missing" not in refuse(path, lost)
    message = refuse(path, renamed)
    assert "column 'price' is missing (renamed to 'prices'?)" in message
    assert "'cost', 'prices' are not declared" in message
