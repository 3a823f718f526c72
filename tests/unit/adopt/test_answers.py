"""What is said of a first model is looked at before the next question is asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from include.adopt.answers import AnswerCheck
from include.adopt.dialogue import Wishes
from include.adopt.first_label import find_first_files
from include.adopt.inbox import look_into
from include.errors import OrreryError
from tests.unit.adopt.conftest import FIRST
from tests.unit.adopt.test_label_check import Plant

GOOD = Wishes("lapse", "member_id", "orders", "no orders in 28 days")
TABLE = Wishes("leave", "member_id", "members", "town")


@pytest.fixture
def check(inbox, tmp_path: Path) -> AnswerCheck:
    """A file of orders, a list of members, visits by day, and readings that are declared already."""
    rows = [f"{n},{n % 40},{n % 3},{FIRST + timedelta(days=n % 200)},{n % 7}.5" for n in range(400)]
    inbox.write_csv("orders.csv", "order_id,member_id,site_id,ordered_on,amount", rows)
    inbox.write_csv("members.csv", "member_id,town,state,age", [f"{n},town {n % 4},on,{n % 9}" for n in range(40)])
    forms = ("03/{:02}/2026", "2026-03-{:02}", "2026/03/{:02}")
    stays = [f"{n},{n % 40},{forms[n % 3].format(n % 28 + 1)}" for n in range(300)]
    inbox.write_csv("stays.csv", "stay_id,member_id,came_on", stays)
    for number in range(9):
        day = FIRST + timedelta(days=number)
        inbox.write_csv(f"visits/{day}.csv", "visit_id,member_id,seen_at", [f"{number}{n},{n},{day}" for n in range(9)])
    sources = look_into(inbox.folder, inbox.config, "development", {})
    declared = {"readings": Plant(tmp_path).content}
    place = {"root": tmp_path / "root", "time_zone": "UTC", "environment": "development", "tell": print}
    find_files = partial(find_first_files, sources=sources, declared=declared, **place)
    return AnswerCheck(sources, declared, find_files, "UTC", "development")


@pytest.mark.parametrize(
    "wishes",
    [
        GOOD,
        replace(GOOD, entity=" member_id , site_id", label="sum of amount in 7 days"),
        replace(GOOD, label="count in 7 days"),
        TABLE,
        Wishes("wear", "machine_id,hall", "readings", "sum of heat in 7 days"),
    ],
)
def test_what_can_be_used_is_let_through(check: AnswerCheck, wishes: Wishes) -> None:
    for name in ("events", "entity", "label", "name"):
        check(name, wishes)


@pytest.mark.parametrize(
    ("name", "wishes", "message"),
    [
        ("events", replace(GOOD, events="order"), r"no source 'order'.*Did you mean 'orders'"),
        ("events", replace(GOOD, events="zzz"), r"There are: members, orders, stays, visits, readings"),
        ("entity", replace(GOOD, entity="membr"), r"'membr', which is no column of the source 'orders'.*'member_id'"),
        ("entity", replace(GOOD, entity=" , "), "ENTITY names no column"),
        ("entity", replace(GOOD, entity="ordered_on"), "says when a row happened and cannot be a key"),
        ("entity", replace(TABLE, entity="town"), "A row of the source 'members' is named by member_id"),
        (
            "entity",
            Wishes("m", "member_id", "stays", None),
            "lacks a time: .*came_on holds dates in several",
        ),
        ("label", replace(GOOD, label="anything"), r"cannot be read. Write LABEL as one of: 'no orders in 28 days'"),
        ("label", replace(GOOD, label="no visits in 28 days"), "the events are those of the source 'orders'"),
        ("label", replace(GOOD, label="no orders in 500 days"), "1 to 365 whole days"),
        (
            "label",
            replace(GOOD, label="sum of amout in 7 days"),
            r"LABEL names 'amout'.*Did you mean 'amount'",
        ),
        ("label", replace(GOOD, events="visits", label="no visits in 28 days"), "visits has 9 days"),
        ("label", replace(TABLE, label="twon"), r"'twon', which is no column.*Did you mean 'town'"),
        ("label", replace(TABLE, label="state"), "The label 'state' is on in every row that was read"),
        ("label", Wishes("wear", "machine_id", "readings", "sum of heta in 7 days"), "Did you mean 'heat'"),
        ("label", replace(GOOD, label="no orders in 60 days"), "orders has 200 days"),
        ("name", replace(GOOD, name="My model"), "A model cannot be called 'My model': .*lower-case letters"),
        ("name", replace(GOOD, name="labels"), "A model cannot be called 'labels'"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(
    check: AnswerCheck, name: str, wishes: Wishes, message: str
) -> None:
    with pytest.raises(OrreryError, match=message):
        check(name, wishes)
