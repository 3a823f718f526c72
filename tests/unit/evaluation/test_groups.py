"""Test rows by the values of a column."""

from __future__ import annotations

import pytest

from include.evaluation.groups import MOST_VALUES, group_rows, name_value
from tests.model.candidates import train_good


@pytest.mark.parametrize(
    ("value", "name"),
    [(3.0, "3"), (2.5, "2.5"), (True, "yes"), (False, "no"), (7, "7"), ("red", "red"), (None, ""), (float("nan"), "")],
)
def test_values_are_named_as_people_read_them(value: object, name: str) -> None:
    assert name_value(value) == name


def test_every_row_is_in_one_group_or_of_unknown_value() -> None:
    candidate = train_good("binary")
    sites = candidate.test_rows.column("site").to_pylist()
    found = group_rows(candidate, "site")
    assert set(found.members) == {site for site in sites if site}
    assert found.unknown_rows == sites.count(None) > 0
    assert {name: int(rows.sum()) for name, rows in found.members.items()} == {
        name: sites.count(name) for name in found.members
    }


def test_a_number_of_many_values_makes_no_groups() -> None:
    found = group_rows(train_good("binary"), "wear")
    assert found.members == {}
    assert found.values > MOST_VALUES
