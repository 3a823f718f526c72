"""The key: as few columns as name every row, identifiers before others, or none and a sentence."""

from __future__ import annotations

import pytest

from include.adopt.keys import is_id_name
from include.errors import SourceError


@pytest.mark.parametrize("name", ["id", "order_id", "orderId", "ID", "Country Code", "product_key"])
def test_a_name_of_an_identifier(name: str) -> None:
    assert is_id_name(name)


@pytest.mark.parametrize("name", ["paid", "idea", "amount", "code_text", "valid"])
def test_no_name_of_an_identifier(name: str) -> None:
    assert not is_id_name(name)


@pytest.mark.parametrize(
    ("header", "rows", "key"),
    [
        pytest.param("amount,order_id", ["5,1", "6,2", "7,3"], ["order_id"], id="identifiers first"),
        pytest.param("name,amount", ["a,5", "b,6", "c,7"], ["name"], id="the earlier column"),
        pytest.param("rate,name", ["0.1,a", "0.2,b"], ["name"], id="a fraction is no key"),
        pytest.param("at,machine_id", ["2026-01-01,1", "2026-01-02,1"], ["at", "machine_id"], id="no time alone"),
        pytest.param("at,note", ["2026-01-01,x", "2026-01-02,x"], ["at"], id="without identifiers it does"),
        pytest.param("order_id,line", ["1,1", "1,2", "2,1"], ["order_id", "line"], id="two columns"),
        pytest.param(
            "a_id,b_id,c,d", ["1,1,1,x", "1,1,2,x", "1,2,1,x", "2,1,1,x"], ["a_id", "b_id", "c"], id="three columns",
        ),
        pytest.param("order_id,n", ["1,1", ",2", "3,3"], ["n"], id="what is null names no row"),
    ],
)  # fmt: skip
def test_the_smallest_key_is_found(inbox, header: str, rows: list[str], key: list[str]) -> None:
    inbox.write_csv("2026-03-02.csv", header, rows)

    assert inbox.declare()["key"] == key


def test_a_key_is_asked_about_with_the_rows_that_it_was_seen_in(inbox) -> None:
    inbox.write_csv("2026-03-02.csv", "order_id,n", ["1,1", "2,2"])

    assert "key [order_id] names every one of the 2 row(s) that were read" in inbox.ask()


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(["1,1,1,1", "1,1,1,1"], id="a row that comes twice"),
        pytest.param([f"{n & 1},{n >> 1 & 1},{n >> 2 & 1},{n >> 3}" for n in range(16)], id="four columns are needed"),
        pytest.param(["1,,,", ",1,,", ",,1,"], id="nulls everywhere"),
    ],
)
def test_no_key_is_said_with_what_to_do(inbox, rows: list[str]) -> None:
    inbox.write_csv("2026-03-02.csv", "a,b,c,d", rows)

    with pytest.raises(SourceError, match=r"No set of up to three columns .*; have one delivered that does"):
        inbox.propose()


def test_a_key_that_repeats_late_in_a_file_is_none(inbox) -> None:
    inbox.write_csv("2026-03-02.csv", "order_id,n", [*(f"{n},{n}" for n in range(9000)), "5,9000"])

    assert inbox.declare()["key"] == ["n"]


def test_a_time_belongs_to_the_key_of_a_wide_table(inbox) -> None:
    others = [f"c{n}" for n in range(20)]
    rows = [
        f"{machine},{','.join(str(machine + hour & 1) for _ in others)},2026-03-02T{hour:02}:00:00Z"
        for machine in range(3)
        for hour in range(3)
    ]
    inbox.write_csv("2026-03-02.csv", f"machine_id,{','.join(others)},at", rows)

    assert inbox.declare()["key"] == ["machine_id", "at"]


def test_a_daily_key_does_not_come_again_on_another_day(inbox, write_days) -> None:
    write_days("line_id", lambda number: str(number % 4))

    assert inbox.declare()["key"] == ["order_id"]


def test_copies_name_the_same_things_again(inbox, days) -> None:
    for day in days:
        inbox.write_csv(f"{day}.csv", "machine_id,site", ["1,north", "2,south"])

    declared = inbox.declare()

    assert (declared["grain"], declared["key"]) == ("snapshot", ["machine_id"])
