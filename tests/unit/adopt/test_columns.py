"""The type of a column: the narrowest one that all values are read as, and a question where it is unsure."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.errors import SourceError


def declare_text(inbox, values: list[str]) -> tuple[dict[str, Any], str]:
    """How a column of a CSV is declared, and what is asked about it."""
    inbox.write_csv("2026-03-02.csv", "id,x", [f"{number},{value}" for number, value in enumerate(values)])
    new = inbox.propose()
    return new.declaration.content["columns"]["x"], "\n".join(
        one for one in new.declaration.questions if "column x" in one
    )


def declare_parquet(inbox, *values: pa.Array) -> dict[str, Any]:
    """How a column of Parquet files, one for each array, is declared."""
    for number, array in enumerate(values):
        table = pa.table({"id": pa.array(range(len(array))), "x": array})
        pq.write_table(table, inbox.folder / f"2026-03-{number + 1:02}.parquet")
    return inbox.declare()["columns"]["x"]


@pytest.mark.parametrize(
    ("values", "declared"),
    [
        (["1", "-2"], {"type": "int64"}),
        (["1", "2", ""], {"type": "int64", "nullable": True, "min": 0}),
        (["0", "1.5"], {"type": "float64", "min": 0}),
        (["1e3", "-2"], {"type": "float64"}),
        (["1.5", "nan"], {"type": "float64", "nullable": True, "min": 0}),
        (["a", "b"], {"type": "string"}),
        (["true", "false"], {"type": "string"}),
        (["2026-03-01", "2026-03-02"], {"type": "date"}),
        (["2026-03-01T10:00:00Z", "2026-03-02T00:00:00Z"], {"type": "timestamp"}),
        (["2026-03-01 10:00", "2026-03-02 00:00"], {"type": "timestamp"}),
        (["2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z"], {"type": "timestamp"}),
        (["10:00", "11:00"], {"type": "string"}),
    ],
)
def test_text_of_a_csv_gets_the_narrowest_type(inbox, values: list[str], declared: dict[str, Any]) -> None:
    assert declare_text(inbox, values)[0] == declared


@pytest.mark.parametrize(
    ("values", "is_asked"),
    [
        (["2026-03-01 10:00", "2026-03-02 00:00"], True),
        (["2026-03-01T10:00:00Z", "2026-03-02T00:00:00+01:00"], False),
    ],
)
def test_moments_without_a_zone_are_asked_about(inbox, values: list[str], is_asked: bool) -> None:
    declared, questions = declare_text(inbox, values)
    assert declared == {"type": "timestamp"}
    assert ("column x has no zone and is read as UTC" in questions) == is_asked


def test_moments_of_parquet_without_a_zone_are_asked_about(inbox) -> None:
    declare_parquet(inbox, pa.array([datetime(2026, 3, 1, 7)] * 2))
    assert any("column x has no zone" in question for question in inbox.propose().declaration.questions)


def test_what_is_true_or_false_is_a_text_as_in_a_csv(inbox) -> None:
    assert declare_parquet(inbox, pa.array([True, False, None])) == {"type": "string", "nullable": True}


@pytest.mark.parametrize(
    ("values", "question"),
    [
        (["007", "12"], "leading zeros, such as 007; it is declared as string"),
        (["0049", "1.5"], "leading zeros, such as 0049"),
        (["12345678901234567890", "7"], "too long for a number; it is declared as string"),
        (["+49", "50"], "such as +49"),
        (["12", "n/a", "15"], "mixes numbers with other text, such as 'n/a'; it is declared as string"),
        (["03/04/2026", "05/06/2026"], "such as 03/04/2026, whose first number may be the day or the month"),
        (["03/04/2026", "25/06/2026"], "whose first number is the day"),
        (["03/04/2026", "06/25/2026"], "whose first number is the month"),
        (["3.4.26", "5.6.26"], "such as 3.4.26, whose first number may be the day or the month"),
        (["2026/03/04", "2026/03/05"], "such as 2026/03/04, which are not read"),
        (["0x1F", "0x2A"], ""),
    ],
)
def test_what_only_looks_like_a_number_or_a_date_stays_text(inbox, values: list[str], question: str) -> None:
    declared, asked = declare_text(inbox, values)

    assert declared == {"type": "string"}
    assert question in asked


def test_midnights_without_a_zone_are_days_and_asked_about(inbox) -> None:
    declared, asked = declare_text(inbox, ["2026-03-01 00:00:00", "2026-03-02 00:00:00"])

    assert declared == {"type": "date"}
    assert "all midnight" in asked


def test_numbers_that_may_be_days_are_asked_about(inbox) -> None:
    declared, asked = declare_text(inbox, ["20260301", "20260302"])

    assert declared["type"] == "int64"
    assert "holds days such as 20260301" in asked


def test_an_empty_column_is_asked_about(inbox) -> None:
    declared, asked = declare_text(inbox, ["", ""])

    assert declared == {"type": "string", "nullable": True}
    assert "is empty in what was read" in asked


@pytest.mark.parametrize(
    ("arrays", "declared"),
    [
        ([pa.array([1, 2], pa.int32())], {"type": "int64", "min": 0}),
        ([pa.array([1, 2]), pa.array([0.5, 2])], {"type": "float64", "min": 0}),
        ([pa.array([Decimal("1.50"), None])],
         {"type": "float64", "publish_type": "numeric(3, 2)", "nullable": True, "min": 0}),
        ([pa.array([Decimal("1"), Decimal("-2")], pa.decimal128(10, 0))], {"type": "int64"}),
        ([pa.array(["007", "12"])], {"type": "string"}),
        ([pa.array(["1", "12"])], {"type": "string"}),
        ([pa.array(["2026-03-01", "2026-03-02"])], {"type": "date"}),
        ([pa.array(["a", "b"]).dictionary_encode()], {"type": "string"}),
        ([pa.array([date(2026, 3, 1)] * 2)], {"type": "date"}),
        ([pa.array([datetime(2026, 3, 1, 7)] * 2)], {"type": "timestamp"}),
        ([pa.array([datetime(2026, 3, 1)] * 2)], {"type": "date"}),
        ([pa.array([datetime(2026, 3, 1, tzinfo=UTC)] * 2, pa.timestamp("us", "UTC"))], {"type": "timestamp"}),
        ([pa.nulls(2)], {"type": "string", "nullable": True}),
        ([pa.nulls(2, pa.int64()), pa.array([1, 2])], {"type": "int64", "nullable": True, "min": 0}),
    ],
)  # fmt: skip
def test_parquet_has_types_of_its_own(inbox, arrays: list[pa.Array], declared: dict[str, Any]) -> None:
    assert declare_parquet(inbox, *arrays) == declared


@pytest.mark.parametrize(
    "arrays",
    [
        [pa.array([True, False]), pa.array([1, 0])],
        [pa.array([[1], [2]])],
        [pa.array([b"a", b"b"])],
        [pa.array([2**63, 1], pa.uint64())],
        [pa.array(["a", "b"]), pa.array([1, 2])],
    ],
)
def test_what_no_type_takes_is_named(inbox, arrays: list[pa.Array]) -> None:
    with pytest.raises(SourceError, match=r"Column 'x' holds .* which no type of a column takes; have it delivered"):
        declare_parquet(inbox, *arrays)


def test_json_numbers_and_texts_keep_their_kind(inbox) -> None:
    rows = [{"id": 1, "n": 1, "x": 1.5, "code": "12"}, {"id": 2, "n": 2, "x": 2, "code": "13"}]
    inbox.write_json("2026-03-02.jsonl", rows)

    columns = inbox.declare()["columns"]

    assert {name: one["type"] for name, one in columns.items()} == {
        "id": "int64", "n": "int64", "x": "float64", "code": "string",
    }  # fmt: skip


def test_a_key_that_a_line_of_json_leaves_out_is_null(inbox) -> None:
    inbox.write_json("2026-03-02.jsonl", [{"id": 1}, {"id": 2, "note": "x"}])

    assert inbox.declare()["columns"]["note"] == {"type": "string", "nullable": True}


def test_kinds_of_json_that_are_mixed_are_named(inbox) -> None:
    inbox.write_json("2026-03-02.jsonl", [{"id": 1, "x": "a"}, {"id": 2, "x": 5}])

    with pytest.raises(
        SourceError, match=r"Column 'x' of .* holds text and whole numbers, which are not read together"
    ):
        inbox.propose()


def test_few_values_of_a_text_are_listed(inbox) -> None:
    inbox.write_csv("2026-03-02.csv", "id,grade,note", [f"{n},{'AB'[n % 2]},n{n}" for n in range(200)])

    columns = inbox.declare()["columns"]

    assert columns["grade"] == {"type": "string", "allowed": ["A", "B"]}
    assert columns["note"] == {"type": "string"}
    assert "grade: allowed lists the values that occur" in inbox.ask()


def test_few_rows_list_no_values(inbox) -> None:
    inbox.write_csv("2026-03-02.csv", "id,grade", [f"{n},{'AB'[n % 2]}" for n in range(199)])

    assert inbox.declare()["columns"]["grade"] == {"type": "string"}


def test_more_than_twenty_values_are_not_listed(inbox) -> None:
    inbox.write_csv("2026-03-02.csv", "id,grade", [f"{n},g{n % 21}" for n in range(300)])

    assert inbox.declare()["columns"]["grade"] == {"type": "string"}


def test_codes_that_look_like_numbers_are_not_listed_but_asked_about(inbox) -> None:
    inbox.write_csv("2026-03-02.csv", "id,zip", [f"{n},0{n % 2}" for n in range(300)])

    assert inbox.declare()["columns"]["zip"] == {"type": "string"}
