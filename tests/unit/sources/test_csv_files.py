"""CSV as people send it: other encodings, marks and packings are read, broken rows are named by their line."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from include.errors import SourceError
from include.settings.section import parse_section
from include.settings.sources import SourceSettings
from tests.unit.sources.whole import read_file

TEXT = 'code,place,price\n007,"Zürich\nWest",1.5\n008,Köln,\n'
ROWS = [
    {"code": "007", "place": "Zürich\nWest", "price": 1.5},
    {"code": "008", "place": "Köln", "price": None},
]
QUOTED_HEADER = '"code";"place";"price"\n1;a;1\n'
SEMICOLONS = TEXT.replace(",", ";").replace(".", ",")


def read(file: Path, content: bytes, **options: Any) -> pa.Table:
    """What is read of a file of these bytes; options are keys of the source in sources.yml."""
    file.write_bytes(content)
    source = {
        "kind": "files", "path": "{day}.csv", "format": "csv", "grain": "snapshot", "key": ["code"], **options,
        "columns": {
            "code": {"type": "string"},
            "place": {"type": "string"},
            "price": {"type": "float64", "nullable": True},
        },
    }  # fmt: skip
    settings = parse_section({"sources": {"prices": source}}, SourceSettings, "development", "sources.yml")
    return read_file("prices", settings.sources["prices"], file, "America/New_York")


def refuse(file: Path, content: bytes, **options: Any) -> str:
    with pytest.raises(SourceError) as caught:
        read(file, content, **options)
    message = str(caught.value)
    assert str(file) in message
    assert len(message) < 1000
    return message


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "2026-03-09.csv"


@pytest.mark.parametrize(
    ("content", "options"),
    [
        pytest.param(TEXT.encode(), {}, id="plain"),
        pytest.param(TEXT.encode("utf-8-sig"), {}, id="a byte-order mark"),
        pytest.param(TEXT.encode("utf-8-sig"), {"csv": {"encoding": "latin-1"}}, id="a mark that contradicts"),
        pytest.param(TEXT.encode("utf-16"), {}, id="UTF-16 with its mark"),
        pytest.param(TEXT.encode("utf-16-be"), {"csv": {"encoding": "utf-16-be"}}, id="UTF-16 without"),
        pytest.param(TEXT.encode("latin-1"), {"csv": {"encoding": "latin-1"}}, id="Latin-1"),
        pytest.param(gzip.compress(TEXT.encode("utf-16")), {}, id="gzip, not declared"),
        pytest.param(gzip.compress(TEXT.encode()), {"compression": "gzip"}, id="gzip"),
        pytest.param(pa.compress(TEXT.encode(), "zstd", asbytes=True), {"path": "{day}.csv.zst"}, id="zstd"),
        pytest.param(SEMICOLONS.encode(), {"csv": {"delimiter": ";", "decimal": ","}}, id="semicolons"),
        pytest.param(TEXT.replace(",", " ").encode(), {"csv": {"delimiter": " "}}, id="spaces"),
        pytest.param(TEXT.replace('"', "'").encode(), {"csv": {"quote": "'"}}, id="single quotes"),
        pytest.param(f"\n\n{TEXT}\n\n".encode(), {}, id="blank lines"),
        pytest.param(b"\xef\xbb\xbf\n" + TEXT.encode(), {}, id="a mark and a blank line"),
        pytest.param(TEXT.rstrip("\n").encode(), {}, id="no line end at the end"),
    ],
)
def test_the_same_rows_are_read_however_they_are_written(path: Path, content: bytes, options: dict[str, Any]) -> None:
    assert read(path, content, **options).to_pylist() == ROWS


def test_quotes_that_mean_nothing_and_quotes_within_values_are_kept(path: Path) -> None:
    inches = b'code,place,price\n1,5" pipe,1\n2,"a ""b""\nc",2\n'

    assert read(path, inches).column("place").to_pylist() == ['5" pipe', 'a "b"\nc']
    plain = read(path, b'code,place,price\n1,"a,1\n', csv={"quote": None})
    assert plain.column("place").to_pylist() == ['"a']


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_value_of_many_lines_is_read_over_the_border_of_a_block(path: Path, encoding: str) -> None:
    block, lines = 4 << 20, 10_000
    rows = (block - lines) // len("1234567,x,1\n")
    content = (
        "code,place,price\n" + "".join(f"{row:>7},x,1\n" for row in range(rows)) + f'a,"{"y" + 2 * chr(10) * lines}"'
    )
    assert len(content) - 2 * lines < block < len(content)

    places = read(path, f"{content},1\nb,z,1\n".encode(encoding)).column("place")

    assert [len(places), places[rows].as_py(), places[rows + 1].as_py()] == [rows + 2, "y" + "\n" * 2 * lines, "z"]
    assert f"line {rows + 2 * lines + 3} holds 'much'" in refuse(path, f"{content},1\nb,z,much\n".encode(encoding))


def test_a_file_of_a_header_alone_has_no_rows(path: Path) -> None:
    assert read(path, b"code,place,price", allow_empty=True).num_rows == 0
    assert "no rows" in refuse(path, b"code,place,price\n")


class TestValues:
    def test_the_line_counts_blank_lines_and_lines_within_quotes(self, path: Path) -> None:
        content = '\ncode,place,price\n\n1,"a\n\nb",1\n\n2,"c ""d""\n",1\n3,e,cheap\n4,f,1\n'
        line = content[: content.index("cheap")].count("\n") + 1

        assert f"column 'price' is declared float64; line {line} holds 'cheap'" in refuse(path, content.encode())

    @pytest.mark.parametrize("value", ["1.5", "1.234,5"])
    def test_a_point_is_no_decimal_comma(self, path: Path, value: str) -> None:
        content = f"code;place;price\n1;a;1,5\n2;b;{value}\n".encode()

        assert f"line 3 holds '{value}'" in refuse(path, content, csv={"delimiter": ";", "decimal": ","})

    def test_a_decimal_comma_that_is_not_declared_names_its_key(self, path: Path) -> None:
        message = refuse(path, b'code,place,price\n1,a,"1,5"\n')

        assert "line 2 holds '1,5'" in message
        assert "csv.decimal" in message


class TestBrokenFiles:
    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            pytest.param('1,a,1\n2,"b,2\n3,c,3\n', ["line 3", "not closed"], id="never closed"),
            pytest.param('1,a,1\n2,b,2\n3,c,"3\n', ["line 4", "not closed"], id="never closed, in the last column"),
            pytest.param('1,a,1\n2,"b,2\n3,c,3\n4,"d",4\n', ["line 3", "not closed"], id="closed by a later row"),
            pytest.param('"1,a,1\n2,b,2\n"3,c,3\n4,d,4\n', ["line 2", "not closed"], id="closed, nothing left of it"),
            pytest.param('1,a,1\n\n2,"a "big" one",2\n', ["line 4", "not doubled"], id="not doubled"),
            pytest.param('1,a,1\n2,b,"2"5\n', ["line 3", "not doubled"], id="more after a quoted number"),
            pytest.param('1,""a,1\n2,b,2\n', ["line 2", "not doubled"], id="more after an empty value"),
            pytest.param("1,a,1\n\n2,b\n3,c,3\n", ["line 4 has 2 value(s) where the header has 3"], id="too few"),
            pytest.param('1,"a\n",1\n2,b,2,x\n3,c,3\n', ["line 4 has 4 value(s)"], id="too many"),
            pytest.param("1,a,1\n2,b", ["line 3 has 2 value(s)", "truncated"], id="cut within a row"),
        ],
    )
    def test_the_first_broken_row_is_named(self, path: Path, content: str, expected: list[str]) -> None:
        message = refuse(path, f"code,place,price\n{content}".encode())

        for part in expected:
            assert part in message
        assert ("truncated" in message) == ("truncated" in expected)

    @pytest.mark.parametrize("position", [21, (1 << 20) - 1, 5 << 20])
    def test_the_byte_that_is_not_in_the_encoding_is_named(self, path: Path, position: int) -> None:
        content = b"code,place,price\n\n1,a,1\n" if position > 21 else b"code,place,price\n\n"
        content = content.ljust(position - 3, b"\n") + b"2,Z\xc3rich,2\n3,\xc3\xa4,3\n"
        line = content[:position].count(b"\n") + 1

        message = refuse(path, content)

        assert f"not in utf-8: byte 0xc3 on line {line}, {position} bytes from the start" in message
        assert "csv.encoding" in message
        assert "truncated" not in message

    def test_a_character_that_is_cut_off_is_named(self, path: Path) -> None:
        content = "code,place,price\n1,a,Ā".encode("utf-16")

        message = refuse(path, content[:-1])

        assert "not in utf-16: byte 0x00 on line 2" in message
        assert "may be truncated" in message

    @pytest.mark.parametrize("kept", [0.5, 0.999])
    @pytest.mark.parametrize("codec", ["gzip", "zstd"])
    def test_a_packed_file_that_is_cut(self, path: Path, codec: str, kept: float) -> None:
        packed = pa.compress(TEXT.encode() * 50, codec, asbytes=True)

        assert "truncated or corrupt" in refuse(path, packed[: int(len(packed) * kept)])

    @pytest.mark.parametrize(
        ("content", "options", "expected"),
        [
            pytest.param(TEXT.encode(), {"compression": "gzip"}, "says gzip, .*; it is not packed", id="not packed"),
            pytest.param(gzip.compress(b"a"), {"path": "{day}.zst"}, "says zstd, .*; it is gzip", id="another packing"),
            pytest.param(gzip.compress(b""), {}, "empty when unpacked", id="nothing, packed"),
            pytest.param(b"\n\n", {}, "no header", id="blank lines"),
            pytest.param(b"PK\x03\x04 and so on", {}, "an Excel workbook", id="a workbook"),
            pytest.param(b"<!DOCTYPE html>\n<p>502</p>\n", {}, "a page of HTML", id="a page"),
            pytest.param(SEMICOLONS.encode(), {}, "parted by ';', not by ','", id="another delimiter"),
            pytest.param("code,price\n1,2\n".encode("utf-16-le"), {}, "utf-16-le", id="UTF-16 without its mark"),
            pytest.param(b'"code,place,price\n1,a,1\n', {}, "its header has a quote that is not closed", id="header"),
            pytest.param(QUOTED_HEADER.encode(), {}, "parted by ';', not by ','", id="another delimiter and quotes"),
        ],
    )
    def test_a_file_that_is_something_else(
        self, path: Path, content: bytes, options: dict[str, Any], expected: str
    ) -> None:
        assert re.search(expected, refuse(path, content, **options))

    def test_a_header_of_a_million_columns(self, path: Path) -> None:
        message = refuse(path, ",".join(f"code_{number}" for number in range(1_000_000)).encode())

        assert "column 'code' is missing (renamed to 'code_" in message
        assert "and 999995 more are not declared" in message
