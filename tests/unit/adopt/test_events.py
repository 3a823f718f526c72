"""Whether files are days or copies, and by which column: said where it is certain, asked where it is not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.unit.adopt.conftest import FIRST


def test_a_file_for_each_day_with_its_moments_is_daily(inbox, write_days) -> None:
    write_days()

    declared = inbox.declare()

    assert (declared["grain"], declared["event_column"]) == ("daily", "ordered_at")
    assert "allowed_lateness_days" not in declared
    assert "critical" not in declared
    assert "would fit its files' days too" not in inbox.ask()


def test_two_candidates_are_asked_about(inbox, write_days) -> None:
    write_days("paid_at", lambda number: f"{FIRST + timedelta(days=number // 4)}T18:00:00Z")

    assert inbox.declare()["event_column"] == "ordered_at"
    assert "event_column ordered_at says when a row happened; paid_at would fit its files' days too." in inbox.ask()


def test_the_one_nearer_to_the_day_is_chosen(inbox, days) -> None:
    for day in days:
        inbox.write_csv(f"{day}.csv", "id,entered,happened", [f"{day.day},{day - timedelta(days=3)},{day}"])

    assert inbox.declare()["event_column"] == "happened"


@pytest.mark.parametrize("column", ["shipped_at", "born"])
def test_a_time_that_is_null_or_far_from_the_day_is_no_event(inbox, write_days, column: str) -> None:
    values = {"shipped_at": lambda n: "" if n == 5 else f"{FIRST + timedelta(days=n // 4)}T19:00:00Z",
              "born": lambda n: f"19{70 + n}-01-01"}  # fmt: skip
    write_days(column, values[column])

    assert inbox.declare()["event_column"] == "ordered_at"
    assert column not in inbox.ask().split("event_column")[-1]


def test_late_rows_are_allowed_and_asked_about(inbox, days) -> None:
    for day in days:
        inbox.write_csv(f"{day}.csv", "id,at", [f"{day.day},{day}", f"{day.day + 50},{day - timedelta(days=2)}"])

    assert inbox.declare()["allowed_lateness_days"] == 2
    assert "rows come up to 2 days after the day of at in time_zone Europe/Berlin" in inbox.ask()


def test_the_day_is_that_of_the_time_zone(inbox, days) -> None:
    for day in days:  # an hour after midnight in Berlin
        inbox.write_csv(f"{day}.csv", "id,at", [f"{day.day},{day - timedelta(days=1)}T23:30:00Z"])

    assert "allowed_lateness_days" not in inbox.declare()


def test_rows_after_their_files_day_are_asked_about(inbox, days) -> None:
    for day in days:  # the next day in Berlin
        inbox.write_csv(f"{day}.csv", "id,at", [f"{day.day},{day}T12:00:00Z", f"{day.day + 50},{day}T23:30:00Z"])

    assert "50.0% of the rows have a at after their file's day" in inbox.ask()
    assert "in UTC none has: the files are days of UTC (TIME_ZONE=UTC)" in inbox.ask()


def test_rows_after_their_files_day_in_every_zone_are_those_of_other_days(inbox, days) -> None:
    for day in days:
        rows = [f"{day.day},{day}T12:00:00Z", f"{day.day + 50},{day + timedelta(days=1)}T12:00:00Z"]
        inbox.write_csv(f"{day}.csv", "id,at", rows)

    assert "in UTC" not in inbox.ask()
    assert "have them named by the last day in them, or the moments delivered with their zone" in inbox.ask()


def test_days_that_are_missing_let_a_run_go_on(inbox, days) -> None:
    for day in (days[0], days[2]):
        inbox.write_csv(f"{day}.csv", "id,at", [f"{day.day},{day}"])

    assert inbox.declare()["critical"] is False
    assert f"no file for 1 of the days from {days[0]} to {days[2]}" in inbox.ask()


def test_monthly_files_are_copies(inbox) -> None:
    for month in (1, 2, 3):
        inbox.write_csv(f"2026-{month:02}-01.csv", "id,at", [f"1,2026-{month:02}-01"])

    assert inbox.declare()["grain"] == "snapshot"
    assert "days lie between the files" in inbox.ask()


def test_files_without_a_time_are_copies(inbox, days) -> None:
    for day in days:
        inbox.write_csv(f"{day}.csv", "id,name", ["1,a"])

    declared = inbox.declare()

    assert declared["grain"] == "snapshot"
    assert "event_column" not in declared
    assert "no date or timestamp without nulls" in inbox.ask()


def test_one_file_without_a_day_is_a_copy(inbox) -> None:
    inbox.write_csv("countries.csv", "id,name", ["1,a"])

    assert "the file is a whole copy of all rows (grain snapshot)" in inbox.ask()


def test_one_dated_file_is_asked_about(inbox) -> None:
    inbox.write_csv("2026-03-02.csv", "id,at", ["1,2026-03-02"])

    assert inbox.declare()["grain"] == "daily"
    assert "there is one file only" in inbox.ask()


def test_days_that_list_the_same_things_may_be_copies(inbox, days) -> None:
    for day in days:
        inbox.write_csv(f"{day}.csv", "machine_id,read_on", [f"{number},{day}" for number in range(20)])

    assert inbox.declare()["key"] == ["machine_id", "read_on"]
    assert "each has nearly the same machine_id, it may be a whole copy" in inbox.ask()


def test_days_of_new_things_are_no_copies(inbox, write_days) -> None:
    write_days()

    assert "whole copy" not in inbox.ask()
