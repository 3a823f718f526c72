"""Whether events go back far enough, and what helps where they do not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import pytest

from include.adopt.dialogue import Wishes
from include.adopt.history import check_history
from include.errors import AdoptError
from include.settings import CONFIG_DIR

FIRST = date(2026, 1, 1)


def list_days(count: int, *lost: int) -> list[date]:
    return [FIRST + timedelta(days=number) for number in range(count) if number not in lost]


def check(days: Sequence[date], label: str) -> None:
    check_history(Wishes("lapse", "member_id", "orders", label), days, CONFIG_DIR, "development")


def refuse(days: Sequence[date], label: str) -> str:
    with pytest.raises(AdoptError) as caught:
        check(days, label)
    return str(caught.value)


def test_two_months_are_enough_for_a_week_ahead() -> None:
    check(list_days(60), "no orders in 7 days")


def test_days_that_are_not_known_are_not_refused() -> None:
    check([], "no orders in 28 days")


def test_the_days_that_are_said_to_be_needed_are_needed_and_enough() -> None:
    said = refuse(list_days(60), "no orders in 28 days")
    assert said.startswith("orders has 60 days (2026-01-01 to 2026-03-01)")
    assert "28 for the features, three times 28" in said
    needed = int(said.split(" needs ")[1].split(":")[0])
    older = [list_days(60)[-1] - timedelta(days=number) for number in reversed(range(needed))]
    check(older, "no orders in 28 days")
    assert f"needs {needed}" in refuse(older[1:], "no orders in 28 days")


def test_fewer_days_ahead_are_proposed_only_where_that_can_help() -> None:
    assert refuse(list_days(35), "no orders in 28 days").endswith("Deliver older days, or predict fewer days ahead.")
    said = refuse(list_days(34), "no orders in 28 days")
    assert said.endswith("Deliver older days; fewer than 35 are too few for any label.")
    check(list_days(35), "no orders in 1 days")


def test_days_without_a_file_are_named_where_they_hide_every_label() -> None:
    days = [day for day in list_days(198) if day.weekday() < 5]
    said = refuse(days, "no orders in 7 days")
    assert f"no file for {198 - len(days)} of the 198 days from 2026-01-01 to 2026-07-17" in said
    assert "with its header alone" in said
