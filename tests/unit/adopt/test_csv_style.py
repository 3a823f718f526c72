"""How a CSV is written is found out, and what is a guess is asked about."""

from __future__ import annotations

import re

import pytest

HEADER = "id,place,price"
ROWS = [f"{number},Köln {number},{number}.5" for number in range(5)]
TEXT = "\n".join((HEADER, *ROWS)) + "\n"


def declare_style(inbox, content: bytes) -> dict:
    inbox.write("2026-03-02.csv", content)
    return inbox.declare().get("csv", {})


@pytest.mark.parametrize(
    ("content", "style"),
    [
        pytest.param(TEXT.encode(), {}, id="the default"),
        pytest.param(TEXT.encode("utf-8-sig"), {}, id="a byte-order mark"),
        pytest.param(TEXT.encode("utf-16"), {}, id="UTF-16 with its mark"),
        pytest.param(TEXT.encode("utf-16-le"), {"encoding": "utf-16-le"}, id="UTF-16 without a mark"),
        pytest.param(TEXT.encode("cp1252"), {"encoding": "cp1252"}, id="cp1252"),
        pytest.param(TEXT.replace("ö", "\x81").encode("latin-1"), {"encoding": "latin-1"}, id="not in cp1252"),
        pytest.param(TEXT.replace(",", "\t").encode(), {"delimiter": "\t"}, id="tabs"),
        pytest.param(TEXT.replace(",", "|").encode(), {"delimiter": "|"}, id="bars"),
        pytest.param(
            TEXT.replace(",", ";").replace(".", ",").encode("cp1252"),
            {"encoding": "cp1252", "delimiter": ";", "decimal": ","},
            id="a German export",
        ),
        pytest.param(
            re.sub(r"Köln (\d)", r'"Köln, \1"', TEXT).encode(), {}, id="a delimiter within quotes",
        ),
        pytest.param(
            "\n".join(f"'{one}'" for one in TEXT.replace(",", "','").splitlines()).encode(), {"quote": "'"},
            id="single quotes",
        ),
        pytest.param(TEXT.replace("Köln", '3" pipe').encode(), {}, id="a quote within a value"),
        pytest.param(TEXT.replace("Köln", '"big').encode(), {"quote": None}, id="quotes are part of the values"),
    ],
)  # fmt: skip
def test_the_style_is_found(inbox, content: bytes, style: dict) -> None:
    assert declare_style(inbox, content) == style


def test_a_guessed_encoding_is_asked_about(inbox) -> None:
    inbox.write("2026-03-02.csv", TEXT.encode("cp1252"))

    assert "encoding cp1252 is a guess" in inbox.ask()


def test_one_file_in_another_encoding_decides_for_all(inbox) -> None:
    inbox.write("2026-03-02.csv", TEXT.replace("ö", "oe").encode())
    inbox.write("2026-03-03.csv", TEXT.encode("cp1252"))
    inbox.write("2026-03-04.csv", TEXT.replace("ö", "oe").encode())

    assert inbox.declare()["csv"] == {"encoding": "cp1252"}


def test_a_decimal_comma_is_asked_about(inbox) -> None:
    inbox.write("2026-03-02.csv", "id;price\n1;1,50\n2;12\n")

    assert "decimal comma, as in 1,50." in inbox.ask()
    assert inbox.declare()["columns"]["price"]["type"] == "float64"


def test_a_comma_that_may_part_thousands_is_asked_about(inbox) -> None:
    inbox.write("2026-03-02.csv", "id;price\n1;1,500\n2;12\n")

    assert "or the comma may part thousands" in inbox.ask()


def test_points_and_commas_in_different_columns_leave_one_as_text(inbox) -> None:
    inbox.write("2026-03-02.csv", "id;price;weight\n1;1,50;0.5\n2;12;0.7\n")

    columns = inbox.declare()["columns"]

    assert (columns["price"]["type"], columns["weight"]["type"]) == ("string", "float64")
    assert "column price holds values such as 1,50" in inbox.ask()


def test_two_delimiters_that_fit_are_asked_about(inbox) -> None:
    inbox.write("2026-03-02.csv", "id,a;b\n1,2;3\n2,5;6\n")

    assert "would fit too" in inbox.ask()


def test_the_delimiter_that_parts_more_is_chosen(inbox) -> None:
    inbox.write("2026-03-02.csv", "id|a;b|c\n1|2;3|4\n")

    assert list(inbox.declare()["columns"]) == ["id", "a;b", "c"]


def test_a_file_without_a_header_line_is_asked_about(inbox) -> None:
    inbox.write("2026-03-02.csv", "17,2026-03-01,x\n18,2026-03-02,y\n")

    assert "2026-03-02.csv names the columns, although it looks like values" in inbox.ask()
